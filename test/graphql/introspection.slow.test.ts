import { buildSchema, executeSync, getIntrospectionQuery, Kind, parse, type OperationDefinitionNode } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Introspections } from '../../src/graphql/dataplane/introspections.js';
import { RawJson } from '../../src/graphql/dataplane/raw-json.js';
import { openFixture } from '../cases/open-fixture.js';
import { PRINCIPALS } from '../cases/principals.js';
import type { House } from '../support/house.js';

const { investigator, partner } = PRINCIPALS;

const FULL = [
  getIntrospectionQuery(),
  getIntrospectionQuery({ descriptions: false }),
  getIntrospectionQuery({ specifiedByUrl: true, directiveIsRepeatable: true, schemaDescription: true, inputValueDeprecation: true, oneOf: true }),
];
const DOCUMENTS: readonly (readonly [query: string, variables?: Record<string, unknown>])[] = [
  ...FULL.map((query) => [query] as const),
  ['{ a: __schema { t: types { n: name } types { kind } types { name } } b: __schema { queryType { name } } }'],
  [
    '{ __schema { types { name } ...M } __schema { description } } fragment M on __Schema { mutationType { name } types { ...T } } fragment T on __Type { kind }',
  ],
  ['query ($d: Boolean = true) { __schema { types { name fields(includeDeprecated: $d) { name } } } }', { d: false }],
  ['query ($s: Boolean!) { __schema { types @skip(if: $s) { name } directives { name } } }', { s: true }],
  ['query ($s: Boolean!) { __schema { types @skip(if: $s) { name @include(if: $s) kind } } }', { s: false }],
  ['{ __type(name: "Customer") { name fields { name } } none: __type(name: "Nothing") { name } __typename }'],
  ['query ($n: String!) { __type(name: $n) { name } }', { n: 'Query' }],
  ['query A { __schema { queryType { name } } }'],
];

describe('what a schema says of itself', () => {
  let house: House;
  beforeAll(async () => {
    house = await openFixture({ maxDepth: 20 });
  });
  afterAll(() => house?.close());

  test('is what graphql-js says, in the same words, the first time and again', async () => {
    const schema = await house.schema(partner);
    for (const [query, variables = {}] of DOCUMENTS) {
      const expected = JSON.stringify(executeSync({ schema, document: parse(query), variableValues: variables }));
      for (const _ of [1, 2]) expect((await house.query(partner, query, variables)).text).toBe(expected);
    }
  });

  test('is kept for each view alone: who may not know a name is not told it by what another asked', async () => {
    const [query = ''] = FULL;
    const known = await house.query(investigator, query);
    const unknown = await house.query(partner, query);
    expect([known, unknown].map(({ text }) => text.includes('watchlist'))).toEqual([true, false]);
    expect((await house.query(investigator, query)).text === known.text).toBe(true);
  });

  test('is new when the catalog is', async () => {
    const query = '{ __schema { types { name } } }';
    expect((await house.query(partner, query)).text.includes('Latecomer')).toBe(false);
    await house.apply('kind: Dataset\nname: latecomers\ntypeName: Latecomer\nfields: [{ name: id, type: bigint }]\n');
    expect((await house.query(partner, query)).text.includes('Latecomer')).toBe(true);
  });

  test('with variables that do not fit is refused in the words of graphql-js', async () => {
    const { errors, data } = await house.query(partner, 'query ($n: String!) { __type(name: $n) { name } }', { n: 1 });
    expect(data).toBeUndefined();
    expect(errors?.[0]).toMatchObject({ message: expect.stringMatching(/Variable "\$n" got invalid value/), extensions: { code: 'BAD_USER_INPUT' } });
  });
});

describe('of a large schema', () => {
  const schema = buildSchema(
    `type Query { a: T0 } ${Array.from({ length: 3_000 }, (_, i) => `type T${i} { ${Array.from({ length: 20 }, (_x, f) => `f${f}: Int`).join(' ')} }`).join(' ')}`,
  );
  const document = parse(getIntrospectionQuery());
  const operation = document.definitions.find((definition): definition is OperationDefinitionNode => definition.kind === Kind.OPERATION_DEFINITION);

  async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
    let turns = 0;
    let isDone = false;
    const count = (): void => {
      turns += 1;
      if (!isDone) setImmediate(count);
    };
    setImmediate(count);
    await work();
    isDone = true;
    return turns;
  }

  test('others get their turn while it is written; who asks meanwhile or later shares it', async () => {
    if (!operation) throw new Error('no operation');
    const introspections = new Introspections(schema);
    const ask = async () => (await introspections.answer({ document, operation, variables: {} })).data?.['__schema'];
    const answers: unknown[] = [];
    expect(await turnsDuring(async () => answers.push(...(await Promise.all([ask(), ask()]))))).toBeGreaterThan(5);
    expect(await turnsDuring(async () => answers.push(await ask()))).toBeLessThanOrEqual(1);
    const [first] = answers;
    expect(first).toBeInstanceOf(RawJson);
    for (const answer of answers) expect(answer).toBe(first);
    expect(JSON.parse((first as RawJson).text)).toEqual(JSON.parse(JSON.stringify(executeSync({ schema, document }).data?.['__schema'])));
  });
});
