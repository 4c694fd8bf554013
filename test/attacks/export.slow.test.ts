import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { isHeadgateError } from '../../src/kernel/index.js';
import type { Principal } from '../../src/identity/index.js';
import { PRINCIPALS } from '../cases/principals.js';
import { exportOf, rowsOf, type Asked } from '../support/exports.js';
import { House, principal } from '../support/house.js';
import { CORPUS, expectNoHarm, openCanary } from './canary.js';

/** A file gives no more than the pages do: rules that hold for reads hold in the bulk path too (CVE-2022-46792 Hasura). */
let house: House;
const { agent, analyst, anonymous, desk, partner, researcher } = PRINCIPALS;
const FORMATS = ['csv', 'ndjson', 'json', 'parquet'] as const;

beforeAll(async () => {
  house = await openCanary();
});
afterAll(() => house?.close());
beforeEach(async () => {
  house.facts.length = 0;
  await house.database.query('DELETE FROM public.ddl');
});

async function codeOf(who: Principal, dataset: string, asked: Asked = {}): Promise<string> {
  try {
    await exportOf(house, who, dataset, asked);
    return 'given';
  } catch (error) {
    if (!isHeadgateError(error)) throw error;
    return error.code;
  }
}

/** Everything that the fixture stores in fields which an analyst never sees plain. */
const STORED = ['Anna', 'Ahorn', 'anna@', '+49 30', '1980-02-29', '99999.00', 'C01X00T47', 'example.de', 'Fritz'];

describe('what is stored and masked', () => {
  test.each(FORMATS)('is in no file: %s', async (format) => {
    for (const orderBy of [undefined, 'email,-birthDate', '-phone', 'balance']) {
      const { bytes, masked } = await exportOf(house, analyst, 'customers', { format, ...(orderBy && { orderBy }) });
      for (const value of STORED) expect(bytes.includes(value)).toBe(false);
      expect(masked).toEqual(['customers.balance', 'customers.birthDate', 'customers.email', 'customers.phone']);
    }
  });

  test('can not be found by a filter: it sees the mask', async () => {
    for (const where of [
      { email: { eq: 'anna@example.de' } },
      { email: { contains: '@' } },
      { birthDate: { eq: '1980-02-29' } },
      { phone: { startsWith: '+49' } },
    ]) {
      expect(rowsOf(await exportOf(house, analyst, 'customers', { where: JSON.stringify(where) }))).toEqual([]);
    }
  });

  test('is null in a row that a denial is about', async () => {
    const rows = rowsOf(await exportOf(house, desk, 'customers', { fields: 'tier,email,balance', orderBy: 'tier' }));
    for (const row of rows) if (row['tier'] === 3) expect(row).toEqual({ tier: 3, email: null, balance: null });
    expect(rows.some(({ email }) => email !== null)).toBe(true);
  });
});

describe('rows of a grant', () => {
  test('by a claim, and by no claim none', async () => {
    expect(rowsOf(await exportOf(house, agent, 'customers', { orderBy: 'id' })).map(({ id }) => id)).toEqual(['1', '3']);
    expect(rowsOf(await exportOf(house, PRINCIPALS['agent-without-country'], 'customers'))).toEqual([]);
  });

  test.each(CORPUS)('a claim is a value, whatever is in it: %j', async (country) => {
    for (const claim of [country, `DE${country}`, [country], { country }]) {
      const who = principal({ roles: ['agent'], claims: { country: claim } });
      for (const orderBy of [undefined, 'name']) expect(rowsOf(await exportOf(house, who, 'customers', orderBy ? { orderBy } : {}))).toEqual([]);
    }
    await expectNoHarm(house);
  });

  test('a claim with quotes and backslashes finds the row that has it', async () => {
    const odd = `D'E"\\ ' OR 1=1; -- \\'`;
    await house.database.query('UPDATE data.customers SET country = $1 WHERE id = 6', [odd]);
    try {
      const who = principal({ roles: ['agent'], claims: { country: odd } });
      expect(rowsOf(await exportOf(house, who, 'customers', { fields: 'id,country' }))).toEqual([{ id: '6', country: odd }]);
    } finally {
      await house.database.query('UPDATE data.customers SET country = NULL WHERE id = 6');
    }
  });

  test('a claim with NUL is refused', async () => {
    expect(await codeOf(principal({ roles: ['agent'], claims: { country: 'D\0E' } }), 'customers')).toBe('BAD_USER_INPUT');
  });
});

describe('names that one may not know', () => {
  const answer = async (who: Principal, dataset: string, asked: Asked, name: string): Promise<string> => {
    try {
      return (await exportOf(house, who, dataset, asked)).text;
    } catch (error) {
      if (!isHeadgateError(error)) throw error;
      return JSON.stringify([error.code, error.message, error.details]).replaceAll(name, '?');
    }
  };
  const same = async (who: Principal, asked: (name: string) => [string, Asked], [a, b]: readonly [string, string]) => {
    const one = await answer(who, ...asked(a), a);
    expect(one).toBe(await answer(who, ...asked(b), b));
    expect(one).toMatch(/BAD_USER_INPUT|NOT_FOUND/);
  };

  test('a secret dataset is one that is not there', async () => {
    for (const who of [partner, analyst, anonymous]) await same(who, (name) => [name, {}], ['watchlist', 'watchlixx']);
    await same(analyst, (name) => ['customers', { where: JSON.stringify({ [name]: { some: {} } }) }], ['alerts', 'alexxx']);
  });

  test('a secret field is one that is not there', async () => {
    const pair = ['passportNo', 'passportXx'] as const;
    await same(analyst, (name) => ['customers', { fields: `id,${name}` }], pair);
    await same(analyst, (name) => ['customers', { where: JSON.stringify({ [name]: { eq: 'x' } }) }], pair);
    await same(analyst, (name) => ['customers', { where: JSON.stringify({ or: [{ not: { [name]: { isNull: true } } }] }) }], pair);
    await same(analyst, (name) => ['customers', { orderBy: `-${name}` }], pair);
    await same(analyst, (name) => ['customers', { orderBy: JSON.stringify([{ [name]: 'ASC' }]) }], pair);
    await same(analyst, (name) => ['orders', { orderBy: JSON.stringify([{ customer: { [name]: 'ASC' } }]) }], pair);
    // Who knows of it, and sees nothing of it, is refused.
    expect(await codeOf(PRINCIPALS.engineer, 'customers', { fields: 'passportNo' })).toBe('FORBIDDEN');
  });

  test('without fields a file has no column of it', async () => {
    expect(Object.keys(rowsOf(await exportOf(house, analyst, 'customers'))[0] ?? {})).not.toContain('passportNo');
  });
});

describe('what one may not see does not steer a file', () => {
  test.each([
    ['a column', { fields: 'id,name' }],
    ['a filter', { where: '{"name":{"eq":"x"}}' }],
    ['a filter that is always true', { where: '{"or":[{},{"name":{"isNull":true}}]}' }],
    ['an order', { orderBy: 'name' }],
  ])('%s refuses it, on the record', async (_what, asked) => {
    expect(await codeOf(analyst, 'customers', asked)).toBe('FORBIDDEN');
    expect(house.facts).toMatchObject([{ decision: 'DENIED', dataset: 'customers', details: { fields: ['name'] } }]);
  });

  test('nor through a relation', async () => {
    for (const asked of [{ where: '{"customer":{"name":{"eq":"x"}}}' }, { orderBy: '[{"customer":{"name":"ASC"}}]' }]) {
      expect(await codeOf(analyst, 'orders', asked)).toBe('FORBIDDEN');
    }
    // Whose key is masked.
    expect(await codeOf(researcher, 'orders', { where: '{"customer":{"tier":{"eq":1}}}' })).toBe('FORBIDDEN');
  });

  test('and a dataset that is reached needs the right to export as well', async () => {
    const who = principal({ roles: ['agent', 'peeper'], claims: { country: 'DE' } });
    const before = (await house.world()).authorizer.policy;
    const specs = [...new Set([...before.grantsOn.values()].flat().map(({ spec }) => spec))];
    const readOnly = specs.map((spec) => (spec.name === 'agents' ? { ...spec, rights: ['read' as const] } : spec));
    const where = '{"customer":{"tier":{"eq":1}}}';
    expect(await codeOf(who, 'orders', { where })).toBe('given');
    await house.grant(readOnly);
    try {
      expect((await house.query(who, '{ orders(where: { customer: { tier: { eq: 1 } } }) { totalCount } }')).errors).toBeUndefined();
      expect(await codeOf(who, 'orders', { where })).toBe('FORBIDDEN');
      expect(await codeOf(who, 'customers')).toBe('FORBIDDEN');
    } finally {
      await house.grant(specs);
    }
  });
});

test('a purpose opens it to who declares it', async () => {
  expect(rowsOf(await exportOf(house, researcher, 'customers')).length).toBe(6);
  expect(await codeOf(PRINCIPALS['researcher-without-purpose'], 'customers')).toBe('PURPOSE_REQUIRED');
  expect(await codeOf(PRINCIPALS['researcher-billing'], 'customers')).toBe('FORBIDDEN');
  expect(await codeOf(anonymous, 'customers')).toBe('UNAUTHENTICATED');
  expect(await codeOf(partner, 'customers')).toBe('FORBIDDEN');
});

describe('through what a client says', () => {
  const expectQuiet = async (dataset: string, asked: Asked): Promise<void> => {
    const code = await codeOf(agent, dataset, asked);
    expect(['given', 'BAD_USER_INPUT', 'NOT_FOUND']).toContain(code);
  };

  test.each(FORMATS)('nothing runs that is a value, a name, an order or a dataset: %s', async (format) => {
    for (const value of CORPUS) {
      for (const operator of ['eq', 'contains', 'like', 'matches', 'startsWithInsensitive']) {
        await expectQuiet('customers', { format, where: JSON.stringify({ name: { [operator]: value } }) });
      }
      await expectQuiet('orders', { format, where: JSON.stringify({ labels: { contains: [value] }, details: { contains: { [value]: value } } }) });
      await expectQuiet('orders', { format, where: JSON.stringify({ details: { hasKey: value } }) });
      await expectQuiet('customers', { format, where: JSON.stringify({ [value]: { eq: value } }) });
      await expectQuiet('customers', { format, where: value });
      await expectQuiet('customers', { format, fields: value });
      await expectQuiet('customers', { format, orderBy: value });
      await expectQuiet('customers', { format, orderBy: JSON.stringify([{ name: value }]) });
      await expectQuiet(value, { format });
    }
    await expectNoHarm(house);
  });

  test('the statement is one: a second one behind it is refused by PostgreSQL', async () => {
    const session = await house.database.exports.open();
    try {
      await expect(session.copy("COPY (SELECT 1) TO STDOUT; INSERT INTO data.canary VALUES ('x')")).rejects.toThrow(/multiple commands/);
    } finally {
      await session.abandon();
    }
    await expectNoHarm(house);
  });

  test('and it can not write, nor read what is no data', async () => {
    for (const text of [
      "COPY (INSERT INTO data.canary VALUES ('x') RETURNING 1) TO STDOUT",
      'COPY (SELECT * FROM headgate.access_grant) TO STDOUT',
      "COPY (SELECT 1) TO PROGRAM 'true'",
    ]) {
      const session = await house.database.exports.open();
      await expect(session.copy(text)).rejects.toThrow(/read-only|permission denied/);
      await session.abandon();
    }
    await expectNoHarm(house);
  });
});

describe('two stores that differ in what one can not see', () => {
  let left: House;
  let right: House;
  const MANIFESTS = `
kind: Dataset
name: people
fields:
  - { name: id, type: integer, required: true }
  - { name: team, type: integer }
  - { name: name, type: text }
  - { name: email, type: text }
  - { name: salary, type: decimal }
  - { name: born, type: date }
  - { name: notes, type: json }
key: [id]
---
kind: Grant
name: desk
to: { roles: [desk] }
on: { datasets: [people] }
rows: 'team <= 3'
fields: { id: allow, team: allow, name: allow, email: { mask: redact }, salary: { mask: nullify }, born: deny }
`;

  beforeAll(async () => {
    [left, right] = [await House.open(), await House.open()];
    for (const [store, side] of [
      [left, 0],
      [right, 1],
    ] as const) {
      await store.apply(MANIFESTS);
      await store.database.query(
        `INSERT INTO data.people (_rid, id, team, name, email, salary, born, notes)
         SELECT sha256(('p' || g)::bytea), g, 1 + g % 3, CASE WHEN g % 5 > 0 THEN 'N' || g % 4 END, CASE WHEN (g + $1) % 3 > 0 THEN 'e' || g * (1 + $1) END,
           CASE WHEN (g + $1) % 4 > 0 THEN g * 100 + $1 * 13 END, date '1990-01-01' + g * (1 + $1), jsonb_build_object('k', g + $1)
         FROM generate_series(1, 20) AS g`,
        [side],
      );
      if (side === 1)
        await store.database.query("INSERT INTO data.people (id, team, name, email) SELECT g, 4, 'hidden', 'not a number' FROM generate_series(100, 130) AS g");
    }
  });
  afterAll(async () => {
    await left?.close();
    await right?.close();
  });

  const NAMES = ['id', 'team', 'name', 'email', 'salary', 'born', 'notes'];
  const condition = fc.oneof(
    fc
      .tuple(fc.constantFrom('name', 'email'), fc.constantFrom('eq', 'contains', 'like', 'matches', 'lt'), fc.constantFrom('N1', 'e4', '***', '%', '(', 'x_'))
      .map(([name, operator, value]) => ({ [name]: { [operator]: value } })),
    fc
      .tuple(fc.constantFrom('id', 'team'), fc.constantFrom('eq', 'gte'), fc.integer({ min: 0, max: 20 }))
      .map(([name, operator, value]) => ({ [name]: { [operator]: value } })),
    fc.constantFrom('0', '700').map((value) => ({ salary: { gt: value } })),
    fc.tuple(fc.constantFrom(...NAMES), fc.boolean()).map(([name, isNull]) => ({ [name]: { isNull } })),
  );
  const asked: fc.Arbitrary<Asked> = fc.record(
    {
      format: fc.constantFrom(...FORMATS),
      fields: fc.uniqueArray(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 4 }).map((names) => names.join(',')),
      where: condition.map((value) => JSON.stringify(value)),
      orderBy: fc
        .uniqueArray(fc.constantFrom('id', '-team', 'name', '-email', 'salary', 'born'), { minLength: 1, maxLength: 2 })
        .map((terms) => terms.join(',')),
    },
    { requiredKeys: ['format'] },
  );

  test('give the same bytes', { timeout: 120_000 }, async () => {
    let given = 0;
    const who = principal({ subject: 'desk', roles: ['desk'] });
    const answer = async (store: House, query: Asked): Promise<string> => {
      try {
        const { bytes, masked } = await exportOf(store, who, 'people', query, []);
        given += 1;
        return `${bytes.toString('hex')} ${masked.join()}`;
      } catch (error) {
        if (!isHeadgateError(error)) throw error;
        return JSON.stringify([error.code, error.message, error.details]);
      }
    };
    await fc.assert(
      fc.asyncProperty(asked, async (query) => {
        expect(await answer(right, query)).toBe(await answer(left, query));
      }),
      { numRuns: 300 },
    );
    expect(given).toBeGreaterThan(100);
  });
});
