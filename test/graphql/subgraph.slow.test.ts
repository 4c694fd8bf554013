import { composeServices } from '@apollo/composition';
import { parse, print, printSchema, visit, type DocumentNode } from 'graphql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { House, principal } from '../support/house.js';

/** The schema that routers compose: `_service { sdl }`. */
const houses: House[] = [];
afterAll(async () => {
  for (const house of houses) await house.close();
});

const COUNTRIES = `
kind: Dataset
name: countries
typeName: Country
shareable: true
fields: [{ name: code, type: text }, { name: name, type: text, tags: [geo.name], shareable: true }]
key: [code]
relations: [{ name: neighbours, to: countries, on: { code: code }, many: true }]
`;

const SHOP = `${COUNTRIES}
---
kind: Dataset
name: customers
typeName: Customer
description: |
  People who "bought" something.
  With """quotes""".
fields:
  - { name: id, type: bigint }
  - { name: region, type: integer }
  - { name: email, type: text, description: Where they are written to., deprecated: Use contact., tags: [pii.email, contact] }
  - { name: nick, type: text, shareable: true }
  - { name: note, type: text, tags: [${'a'.repeat(50)}.${'b'.repeat(50)}.${'c'.repeat(50)}] }
key: [id, region]
relations:
  - { name: orders, to: orders, on: { id: customer_id }, many: true, description: What they bought. }
---
kind: Dataset
name: orders
typeName: Order
fields: [{ name: customer_id, type: bigint }, { name: amount, type: decimal, shareable: true }]
`;

const LIBRARY = `${COUNTRIES}
---
kind: Dataset
name: books
typeName: Book
fields: [{ name: isbn, type: text }, { name: title, type: text }, { name: printed, type: date }]
key: [isbn]
---
kind: Dataset
name: readers
typeName: Customer
fields: [{ name: id, type: bigint }, { name: region, type: integer }, { name: nick, type: text, shareable: true }, { name: fines, type: decimal }]
key: [id, region]
`;

let shop: string;
let library: string;

beforeAll(async () => {
  [shop, library] = [await subgraphOf(SHOP), await subgraphOf(LIBRARY)];
});

async function subgraphOf(manifests: string): Promise<string> {
  const house = await House.open({ defaultPage: 25 });
  houses.push(house);
  await house.apply(manifests);
  const { data } = await house.query(principal({ roles: ['router'] }), '{ _service { sdl } }');
  return (data as unknown as { _service: { sdl: string } })._service.sdl;
}

function composed(...texts: readonly string[]): { readonly sdl: string | undefined; readonly errors: readonly string[] } {
  const { supergraphSdl, errors = [] } = composeServices(texts.map((text, i) => ({ name: `s${i}`, url: `http://${i}`, typeDefs: parse(text) })));
  return { sdl: supergraphSdl, errors: errors.map(({ message }) => message) };
}

const lineOf = (text: string, start: string): string =>
  text
    .split('\n')
    .find((line) => line.trimStart().startsWith(start))
    ?.trim() ?? '';

test('says what a router should know of datasets', () => {
  expect(lineOf(shop, 'extend schema')).toBe(
    'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@cost", "@key", "@listSize", "@shareable", "@tag"])',
  );
  expect(lineOf(shop, 'type Customer ')).toBe('type Customer @key(fields: "id region") {');
  expect(lineOf(shop, 'email:')).toBe('email: String @deprecated(reason: "Use contact.") @tag(name: "contact") @tag(name: "pii/email")');
  expect(lineOf(shop, 'nick:')).toBe('nick: String @shareable');
  expect(lineOf(shop, 'type Order ')).toBe('type Order {');
  expect(lineOf(shop, 'totalCount:')).toBe('totalCount: Int! @cost(weight: 10)');
  const size = '@listSize(assumedSize: 25, slicingArguments: ["first", "last"], sizedFields: ["nodes", "edges"], requireOneSlicingArgument: false)';
  expect(lineOf(shop, '): CustomerConnection')).toBe(`): CustomerConnection ${size}`);
  expect(lineOf(shop, '): OrderConnection')).toBe(`): OrderConnection ${size}`);
  expect(lineOf(shop, 'note:')).toMatch(/^note: String @tag\(name: "a{50}\/b{50}\/c{13}-[0-9a-f]{12}"\)$/);
});

test('what is shareable: values that all datasets have, and what a contract declares', () => {
  expect(lineOf(shop, 'type PageInfo')).toBe('type PageInfo @shareable {');
  expect(lineOf(shop, 'type Country ')).toBe('type Country @key(fields: "code") @shareable {');
  expect(lineOf(shop, 'type CustomerConnection')).toBe('type CustomerConnection @shareable {');
  expect(lineOf(shop, 'type CustomerEdge')).toBe('type CustomerEdge @shareable {');
  expect(lineOf(shop, 'countriesByKey')).toBe('countriesByKey(code: String!): Country @shareable');
  expect(lineOf(shop, 'name:')).toBe('name: String @tag(name: "geo/name")');
  expect(lineOf(shop, 'customersByKey')).toBe('customersByKey(id: BigInt!, region: Int!): Customer');
});

test('composes alone and with another Headgate; an entity of both is one', () => {
  expect(composed(shop).errors).toEqual([]);
  const both = composed(shop, library);
  expect(both.errors).toEqual([]);
  expect(both.sdl).toMatch(/type Customer\s[^}]*fines[^}]*}/);
  expect(both.sdl).toContain('@tag(name: "pii/email")');
  expect(both.sdl).not.toMatch(/AuditEntry|applyManifest/);
});

test('what is not declared shareable is refused to a second one by composition', () => {
  expect(composed(shop, shop).errors.join()).toMatch(/Non-shareable field "Customer.email"/);
});

test('loses no description and no deprecation, and adds nothing but directives', async () => {
  const api = await houses[0]?.schema(principal({ roles: ['router'] }));
  if (!api) throw new Error('no house');
  const [bare, all] = [withoutDirectives(parse(shop)), parse(printSchema(api))];
  const names = bare.definitions.flatMap((definition) => ('name' in definition && definition.name ? [definition.name.value] : []));
  expect(names).toEqual(expect.arrayContaining(['Customer', 'CustomerConnection', 'CustomerWhere', 'Order', 'PageInfo', 'BigInt', 'StringFilter']));
  // Pages of what other subgraphs have too are without `aggregate` and `groupBy`.
  for (const name of names) if (name !== 'Query' && !/^(Country|Customer|Order)Connection$/.test(name)) expect(textOf(bare, name)).toBe(textOf(all, name));
  expect(textOf(bare, 'CustomerConnection')).toContain('totalCount');
  expect(shop).not.toMatch(/CustomerAggregate|CustomerGroupKey|aggregate:/);
  expect(textOf(bare, 'Customer')).toContain('People who \\"bought\\" something.');
});

test('without datasets it is still a subgraph', async () => {
  expect(await subgraphOf('kind: Purpose\nname: p\n')).toBe('extend schema @link(url: "https://specs.apollo.dev/federation/v2.9")');
});

function withoutDirectives(document: DocumentNode): DocumentNode {
  const ours = new Set(['key', 'shareable', 'tag', 'cost', 'listSize']);
  const definitions = document.definitions.filter(({ kind }) => kind !== 'SchemaExtension' && kind !== 'DirectiveDefinition');
  return visit({ ...document, definitions }, { Directive: ({ name }) => (ours.has(name.value) ? null : undefined) });
}

function textOf({ definitions }: DocumentNode, name: string): string {
  const found = definitions.find((definition) => 'name' in definition && definition.name?.value === name);
  return found ? print(found) : '';
}
