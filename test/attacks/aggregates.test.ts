import { GraphQLInputObjectType, GraphQLObjectType, type GraphQLEnumType } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Answer, House } from '../support/house.js';
import { openFixture } from '../cases/open-fixture.js';
import { PRINCIPALS } from '../cases/principals.js';

/** The analyst sees customers by their year of birth, their balance in hundreds, a hash of their e-mail, and no name. */
const { analyst, agent, partner, desk } = PRINCIPALS;
let house: House;

beforeAll(async () => {
  house = await openFixture({ maxAliases: 500, maxTokens: 20_000 });
});

afterAll(() => house.close());

function expectRefusal({ data, errors }: Answer, field: string): void {
  expect(Object.values(data).every((value) => value === null)).toBe(true);
  expect(errors?.map(({ extensions }) => [extensions['code'], extensions['field']])).toEqual([['FORBIDDEN', field]]);
}

describe('a mask lost in aggregates and groups (CVE-2026-35442 Directus)', () => {
  const aggregateOf = async (query: string) => JSON.stringify((await house.query(analyst, query)).data);

  test('the least and greatest value are masked', async () => {
    const text = await aggregateOf('{ customers { aggregate { min { birthDate balance phone email } max { birthDate balance phone email } } } }');
    for (const hidden of ['1975-12-31', '2001-01-01T', '99999', '-15.25', '666', '@']) expect(text).not.toContain(hidden);
    expect(text).toContain('"min":{"birthDate":"1975-01-01","balance":"0"');
  });

  test('sums, means and spreads are of masked values', async () => {
    const { data } = await house.query(analyst, '{ customers { aggregate { sum { balance } avg { balance } variance { balance } } nodes { balance } } }');
    const connection = data['customers'] as unknown as { aggregate: { sum: { balance: string } }; nodes: { balance: string | null }[] };
    const sum = connection.nodes.reduce((total, { balance }) => total + Number(balance ?? 0), 0);
    expect(Number(connection.aggregate.sum.balance)).toBe(sum);
    expect(sum % 100).toBe(0);
  });

  test('keys of groups are masked, and what is masked to one value is one group', async () => {
    const text = await aggregateOf(
      '{ customers { a: groupBy(keys: [{ birthDate: NONE }]) { keys { birthDate } } b: groupBy(keys: [{ phone: true }]) { keys { phone } } } }',
    );
    expect(text).not.toMatch(/\d{4}-(?!01-01)\d\d-\d\d/);
    expect(text).not.toContain('+');
    const { data } = await house.query(analyst, '{ customers { groupBy(keys: [{ birthDate: DAY }]) { keys { birthDate } aggregate { count } } } }');
    const { groupBy } = data['customers'] as unknown as { groupBy: { keys: { birthDate: string | null }; aggregate: { count: string } }[] };
    expect(groupBy.find(({ keys }) => keys.birthDate === '1980-01-01')?.aggregate.count).toBe('2');
  });

  test('a cell that is masked in some rows only is measured as it is seen in each', async () => {
    const { data } = await house.query(desk, '{ customers { nodes { balance } aggregate { sum { balance } max { balance } } } }');
    const { nodes, aggregate } = data['customers'] as unknown as { nodes: { balance: string | null }[]; aggregate: Record<'sum' | 'max', { balance: string }> };
    const seen = nodes.flatMap(({ balance }) => balance ?? []);
    // The greatest balance is of a customer whose row denies it.
    expect(seen).toEqual(['120.50']);
    expect([aggregate.sum.balance, aggregate.max.balance]).toEqual(['120.50', '120.50']);
  });

  test('having compares masked values', async () => {
    const groups = async (having: string) => {
      const { data } = await house.query(analyst, `{ customers { groupBy(keys: [{ tier: true }], having: ${having}) { keys { tier } } } }`);
      return (data['customers'] as unknown as { groupBy: object[] }).groupBy.length;
    };
    expect(await groups('{ max: { balance: { eq: "99999" } } }')).toBe(0);
    expect(await groups('{ max: { balance: { eq: "100000" } } }')).toBe(1);
  });
});

describe('a field that can not be seen', () => {
  test('is in no measure, key, condition or order of groups', async () => {
    const schema = await house.schema(analyst);
    const type = (name: string) => {
      const found = schema.getType(name);
      if (!(found instanceof GraphQLObjectType) && !(found instanceof GraphQLInputObjectType)) throw new Error(`${name} has no fields`);
      return found.getFields();
    };
    const queries = [
      ...Object.keys(type('CustomerAggregate')).flatMap((measure) => {
        const name = `Customer${measure.charAt(0).toUpperCase()}${measure.slice(1)}`;
        return measure !== 'count' && 'name' in type(name) ? [`aggregate { ${measure} { name } }`] : [];
      }),
      'groupBy(keys: [{ name: true }]) { aggregate { count } }',
      'groupBy(keys: [{ tier: true }, { name: true }], first: 0) { keys { tier } }',
      ...Object.keys(type('CustomerMinHaving')).flatMap((field) =>
        field === 'name'
          ? ['min', 'max'].map((m) => `groupBy(keys: [{ tier: true }], having: { not: { or: [{ ${m}: { name: { isNull: true } } }] } }) { keys { tier } }`)
          : [],
      ),
      ...['ASC', 'DESC_NULLS_LAST'].map((direction) => `groupBy(keys: [{ tier: true }], orderBy: [{ max: { name: ${direction} } }]) { keys { tier } }`),
    ];
    expect(queries.length).toBeGreaterThan(8);
    for (const query of queries) {
      expectRefusal(await house.query(analyst, `{ customers { ${query} } }`), 'name');
      expectRefusal(await house.query(analyst, `query ($no: Int = 0) { x: customers(first: $no) { y: ${query} } }`), 'name');
    }
    expect(house.statements.filter(({ text }) => text.includes('"name"'))).toEqual([]);
  });

  test('not through relations either', async () => {
    expectRefusal(await house.query(analyst, '{ orders { groupBy(keys: [{ customer: { name: true } }]) { aggregate { count } } } }'), 'name');
    expectRefusal(await house.query(partner, '{ countries { groupBy(keys: [{ population: true }]) { aggregate { count } } } }'), 'population');
    const { errors } = await house.query(analyst, '{ countries { nodes { customers { aggregate { min { name } } } } } }');
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'FORBIDDEN', field: 'name' });
  });

  test('a relation whose key is masked is not a key of groups', async () => {
    const answer = await house.query(PRINCIPALS.researcher, '{ orders { groupBy(keys: [{ customer: { tier: true } }]) { aggregate { count } } } }');
    expectRefusal(answer, 'customer');
  });

  test('a secret one does not exist in any of the types', async () => {
    const names = Object.values((await house.schema(analyst)).getTypeMap()).flatMap((type) =>
      type instanceof GraphQLObjectType || type instanceof GraphQLInputObjectType ? Object.keys(type.getFields()) : [],
    );
    expect(names).not.toContain('passportNo');
    expect(names).not.toContain('alerts');
  });
});

describe('rows that are hidden', () => {
  test('are in no number and no group', async () => {
    const { data } = await house.query(
      agent,
      '{ customers { aggregate { count sum { tier } countDistinct { country } } groupBy(keys: [{ country: true }]) { keys { country } aggregate { count } } } }',
    );
    expect(data['customers']).toEqual({
      aggregate: { count: '2', sum: { tier: '4' }, countDistinct: { country: '1' } },
      groupBy: [{ keys: { country: 'DE' }, aggregate: { count: '2' } }],
    });
  });

  test('nor do related ones give a key', async () => {
    const { data } = await house.query(agent, '{ orders { groupBy(keys: [{ customer: { id: true } }]) { keys { customer { id } } aggregate { count } } } }');
    const { groupBy } = data['orders'] as unknown as { groupBy: { keys: { customer: { id: string | null } }; aggregate: { count: string } }[] };
    // Of the five orders, one is of a customer in France and one of nobody.
    expect(groupBy.map(({ keys, aggregate }) => [keys.customer.id, aggregate.count])).toEqual([
      ['1', '2'],
      ['3', '1'],
      [null, '2'],
    ]);
  });
});

test('no value makes a measure or a truncation fail', async () => {
  await house.database.query(`INSERT INTO data.orders (id, customer_id, status, amount, weight, quantity, ship_date, placed_at) VALUES
    (901, 7, 'extreme', 1e300, 1.7e308, 2147483647, '4713-01-01 BC', '4713-01-01 00:00:00+00 BC'),
    (902, 7, 'extreme', -1e300, 1.7e308, -2147483648, '5874897-12-31', '294276-12-31 23:59:59+00'),
    (903, 9223372036854775807, 'extreme', 'NaN', -1.7e308, 2147483647, 'infinity', '-infinity'),
    (904, 9223372036854775807, 'extreme', 'Infinity', '-Infinity', 0, '-infinity', '4714-11-24 00:00:00+00 BC')`);
  const units = ((await house.schema(agent)).getType('DateTruncation') as GraphQLEnumType).getValues().map(({ name }) => name);
  const numbers = 'customerId amount weight quantity';
  const measures = ['sum', 'avg', 'stddev', 'variance'].map((measure) => `${measure} { ${numbers} }`).join(' ');
  const groups = units.flatMap((unit) =>
    ['shipDate', 'placedAt'].map((field) => `${field}${unit}: groupBy(keys: [{ ${field}: ${unit} }]) { keys { ${field} } aggregate { count } }`),
  );
  const { data, errors } = await house.query(
    agent,
    `{ orders(where: { status: { eq: "extreme" } }) { aggregate { ${measures} min { ${numbers} shipDate placedAt } max { ${numbers} } } ${groups.join(' ')} } }`,
  );
  expect(errors).toBeUndefined();
  // The sum of 64-bit numbers is exact beyond 64 bits.
  expect(data['orders']).toMatchObject({ aggregate: { sum: { customerId: '18446744073709551628', weight: null, amount: null, quantity: '2147483646' } } });
});
