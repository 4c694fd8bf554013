import { parse, print, printSchema, validateSchema, visit } from 'graphql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { House, principal } from '../support/house.js';

let house: House;

beforeAll(async () => {
  house = await House.open();
  await house.apply(`
kind: Dataset
name: customers
typeName: Customer
fields: [{ name: id, type: bigint, required: true }]
key: [id]
relations: [{ name: orders, to: orders, on: { id: customer_id }, many: true }]
---
kind: Dataset
name: orders
typeName: Order
fields:
  - { name: id, type: bigint, required: true }
  - { name: customer_id, type: bigint }
  - { name: status, type: text, description: Where it is., deprecated: Use state., tags: [workflow] }
  - { name: amount, type: decimal }
  - { name: weight, type: float }
  - { name: quantity, type: integer }
  - { name: paid, type: boolean }
  - { name: ship_date, type: date }
  - { name: placed_at, type: timestamp }
  - { name: labels, type: 'text[]' }
  - { name: details, type: json }
key: [id]
relations: [{ name: customer, to: customers, on: { customer_id: id } }]
---
kind: Dataset
name: plain_log
fields: [{ name: line, type: text }]
`);
});

afterAll(() => house.close());

/** The schema without descriptions, a type a line list. */
async function types(): Promise<Map<string, string>> {
  const schema = await house.schema(principal({ roles: ['someone'] }));
  expect(validateSchema(schema)).toEqual([]);
  const bare = visit(parse(printSchema(schema)), { enter: (node) => ('description' in node ? { ...node, description: undefined } : undefined) });
  return new Map(
    bare.definitions.map((definition) => ['name' in definition && definition.name ? definition.name.value : '', print(definition).replace(/[\s,]+/g, ' ')]),
  );
}

test('a dataset has the types that clients are written against', async () => {
  const all = await types();
  const page = 'first: Int after: String last: Int before: String offset: Int';
  expect(all.get('Query')).toBe(
    `type Query { me: String customers(${page} where: CustomerWhere orderBy: [CustomerOrderBy!]): CustomerConnection customersByKey(id: BigInt!): Customer ` +
      `orders(${page} where: OrderWhere orderBy: [OrderOrderBy!]): OrderConnection ordersByKey(id: BigInt!): Order ` +
      `plainLog(${page} where: PlainLogWhere orderBy: [PlainLogOrderBy!]): PlainLogConnection ` +
      `_service: _Service! _entities(representations: [_Any!]!): [_Entity]! }`,
  );
  expect(all.get('Order')).toBe(
    'type Order { id: BigInt customerId: BigInt status: String @deprecated(reason: "Use state.") amount: Decimal weight: Float quantity: Int paid: Boolean ' +
      'shipDate: Date placedAt: DateTime labels: [String] details: JSON customer: Customer }',
  );
  expect(all.get('Customer')).toBe(`type Customer { id: BigInt orders(${page} where: OrderWhere orderBy: [OrderOrderBy!]): OrderConnection }`);
  expect(all.get('OrderConnection')).toBe(
    'type OrderConnection { nodes: [Order!]! edges: [OrderEdge!]! pageInfo: PageInfo! totalCount: Int! aggregate: OrderAggregate! ' +
      'groupBy(keys: [OrderGroupKey!]! having: OrderHaving orderBy: [OrderGroupOrderBy!] first: Int offset: Int): [OrderGroup!]! }',
  );
  expect(all.get('OrderAggregate')).toBe(
    'type OrderAggregate { count: BigInt! countDistinct: OrderCountDistinct! sum: OrderSum! avg: OrderAvg! min: OrderMin! max: OrderMax! stddev: OrderStddev! variance: OrderVariance! }',
  );
  expect(all.get('OrderCountDistinct')).toBe(
    'type OrderCountDistinct { id: BigInt customerId: BigInt status: BigInt amount: BigInt weight: BigInt quantity: BigInt paid: BigInt shipDate: BigInt placedAt: BigInt }',
  );
  expect(all.get('OrderSum')).toBe('type OrderSum { id: BigInt customerId: BigInt amount: Decimal weight: Float quantity: BigInt }');
  for (const name of ['Avg', 'Stddev', 'Variance']) {
    expect(all.get(`Order${name}`)).toBe(`type Order${name} { id: Decimal customerId: Decimal amount: Decimal weight: Float quantity: Decimal }`);
  }
  for (const name of ['Min', 'Max']) {
    expect(all.get(`Order${name}`)).toBe(
      `type Order${name} { id: BigInt customerId: BigInt status: String amount: Decimal weight: Float quantity: Int shipDate: Date placedAt: DateTime }`,
    );
  }
  expect(all.get('OrderGroupKey')).toBe(
    'input OrderGroupKey @oneOf { id: Boolean customerId: Boolean status: Boolean amount: Boolean weight: Boolean quantity: Boolean paid: Boolean ' +
      'shipDate: DateTruncation placedAt: DateTruncation customer: CustomerGroupKey }',
  );
  expect(all.get('DateTruncation')).toBe('enum DateTruncation { NONE HOUR DAY WEEK MONTH QUARTER YEAR }');
  expect(all.get('OrderGroup')).toBe('type OrderGroup { keys: OrderGroupKeys! aggregate: OrderAggregate! }');
  expect(all.get('OrderHaving')).toBe(
    'input OrderHaving { and: [OrderHaving!] or: [OrderHaving!] not: OrderHaving count: BigIntFilter sum: OrderSumHaving avg: OrderAvgHaving min: OrderMinHaving max: OrderMaxHaving }',
  );
  expect(all.get('OrderSumHaving')).toBe(
    'input OrderSumHaving { id: BigIntFilter customerId: BigIntFilter amount: DecimalFilter weight: FloatFilter quantity: BigIntFilter }',
  );
  expect(all.get('OrderGroupOrderBy')).toBe(
    'input OrderGroupOrderBy @oneOf { key: OrderGroupKeyOrder count: SortDirection sum: OrderSumOrder avg: OrderAvgOrder min: OrderMinOrder max: OrderMaxOrder }',
  );
  expect(all.get('JSONFilter')).toBe('input JSONFilter { contains: JSON hasKey: String path: JSONPathFilter isNull: Boolean }');
  expect(all.get('JSONPathFilter')).toBe(
    'input JSONPathFilter { path: [String!]! eq: JSON ne: JSON lt: JSON lte: JSON gt: JSON gte: JSON in: [JSON!] isNull: Boolean }',
  );
  expect(all.get('OrderEdge')).toBe('type OrderEdge { node: Order! cursor: String! }');
  expect(all.get('OrderWhere')).toBe(
    'input OrderWhere { and: [OrderWhere!] or: [OrderWhere!] not: OrderWhere id: BigIntFilter customerId: BigIntFilter status: StringFilter amount: DecimalFilter ' +
      'weight: FloatFilter quantity: IntFilter paid: BooleanFilter shipDate: DateFilter placedAt: DateTimeFilter labels: StringListFilter details: JSONFilter customer: CustomerWhere }',
  );
  expect(all.get('CustomerWhere')).toBe(
    'input CustomerWhere { and: [CustomerWhere!] or: [CustomerWhere!] not: CustomerWhere id: BigIntFilter orders: OrderManyFilter }',
  );
  expect(all.get('OrderManyFilter')).toBe('input OrderManyFilter { some: OrderWhere every: OrderWhere none: OrderWhere }');
  expect(all.get('OrderOrderBy')).toBe(
    'input OrderOrderBy @oneOf { id: SortDirection customerId: SortDirection status: SortDirection amount: SortDirection weight: SortDirection quantity: SortDirection ' +
      'paid: SortDirection shipDate: SortDirection placedAt: SortDirection customer: CustomerOrderBy }',
  );
  expect(all.get('DecimalFilter')).toBe(
    'input DecimalFilter { eq: Decimal ne: Decimal in: [Decimal!] notIn: [Decimal!] lt: Decimal lte: Decimal gt: Decimal gte: Decimal between: [Decimal!] isNull: Boolean }',
  );
  expect(all.get('StringFilter')).toBe(
    'input StringFilter { eq: String ne: String in: [String!] notIn: [String!] lt: String lte: String gt: String gte: String between: [String!] isNull: Boolean ' +
      'eqInsensitive: String inInsensitive: [String!] contains: String startsWith: String endsWith: String like: String matches: String ' +
      'containsInsensitive: String startsWithInsensitive: String endsWithInsensitive: String likeInsensitive: String matchesInsensitive: String }',
  );
  expect(all.get('BooleanFilter')).toBe('input BooleanFilter { eq: Boolean ne: Boolean isNull: Boolean }');
  expect(all.get('StringListFilter')).toBe('input StringListFilter { contains: [String!] containedBy: [String!] overlaps: [String!] isNull: Boolean }');
  expect(all.get('SortDirection')).toBe('enum SortDirection { ASC DESC ASC_NULLS_FIRST ASC_NULLS_LAST DESC_NULLS_FIRST DESC_NULLS_LAST }');
});

test('descriptions and tags of the contract are in the schema', async () => {
  const { data } = await house.query(principal({ roles: ['someone'] }), '{ __type(name: "Order") { fields(includeDeprecated: true) { name description } } }');
  const { fields } = data['__type'] as unknown as { fields: { name: string; description: string | null }[] };
  expect(fields.find((field) => field.name === 'status')?.description).toBe('Where it is.\n\nTags: workflow.');
});

test('the number of statements does not grow with the rows', async () => {
  const reader = principal({ roles: ['reader'] });
  await house.apply("kind: Grant\nname: all\nto: { roles: [reader] }\non: { datasets: ['*'] }\nfields: { '*': allow }\n");
  const statements = async (query: string): Promise<number> => {
    house.statements.length = 0;
    await house.query(reader, query);
    return house.statements.length;
  };
  const nested = '{ customers(first: 100) { nodes { id orders(first: 5) { totalCount nodes { id customer { id orders(first: 2) { nodes { id } } } } } } } }';
  expect(await statements(nested)).toBe(1);
  await house.database.query('INSERT INTO data.customers (id) SELECT generate_series(1, 80)');
  await house.database.query('INSERT INTO data.orders (id, customer_id) SELECT g, g % 80 FROM generate_series(1, 800) AS g');
  expect(await statements(nested)).toBe(1);
});
