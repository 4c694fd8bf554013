import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { House, principal } from '../support/house.js';

const MANIFESTS = `
kind: Dataset
name: patients
fields:
  - { name: id, type: bigint }
  - { name: country, type: text }
  - { name: note, type: text }
key: [id]
relations:
  - { name: visits, to: visits, on: { id: patient_id }, many: true }
---
kind: Dataset
name: visits
fields:
  - { name: id, type: bigint }
  - { name: patient_id, type: bigint }
key: [id]
relations:
  - { name: patient, to: patients, on: { patient_id: id } }
---
kind: Grant
name: of-the-country
to: { roles: [nurse] }
on: { datasets: [patients] }
rows: lower(country) = lower(claim('country'))
fields: { '*': allow }
---
kind: Grant
name: of-the-country-or-said-so
to: { roles: [doctor] }
on: { datasets: [patients] }
rows: country = claim('country') OR note = 'open to all'
fields: { '*': allow }
---
kind: Grant
name: visits
to: { roles: [nurse, doctor] }
on: { datasets: [visits] }
fields: { '*': allow }
`;

/** Takes minutes on a text that begins as guessed, and no time on others. */
const slowOn = (begin: string) => `^${begin}(.+)(.+)(.+)(.+)(.+)(.+)\\1\\2\\3\\4\\5\\6.*$`;

let house: House;

beforeAll(async () => {
  house = await House.open();
  await house.apply(MANIFESTS);
  await house.database.query(`INSERT INTO data.patients (id, country, note) VALUES (1, 'DE', 'short'), (2, 'FR', $1)`, [
    'Patient reported severe symptoms of a kind that nobody may know of, and much more that makes this text long enough to try',
  ]);
  await house.database.query('INSERT INTO data.visits (id, patient_id) VALUES (1, 1), (2, 2)');
});

afterAll(() => house.close());

beforeEach(() => (house.statements.length = 0));

describe('the time that a pattern takes tells nothing of a row that the filter keeps back', () => {
  const asks = [
    ['of rows', 'query ($p: String!) { patients(where: { note: { matches: $p } }) { totalCount nodes { id } } }'],
    ['that is negated', 'query ($p: String!) { patients(where: { not: { note: { matches: $p } } }) { totalCount nodes { id } } }'],
    ['without case', 'query ($p: String!) { patients(where: { note: { matchesInsensitive: $p } }) { totalCount nodes { id } } }'],
    ['in an aggregate', 'query ($p: String!) { patients(where: { note: { matches: $p } }) { aggregate { count } } }'],
    ['through a relation', 'query ($p: String!) { visits(where: { patient: { note: { matches: $p } } }) { totalCount } }'],
  ] as const;

  test.each(['nurse', 'doctor'].flatMap((role) => asks.map(([what, query]) => ({ role, what, query }))))('$role, $what', async ({ role, query }) => {
    const who = principal({ roles: [role], claims: { country: 'DE' } });
    const began = performance.now();
    const right = await house.query(who, query, { p: slowOn('Patient') });
    expect(right.errors).toBeUndefined();
    // A statement may take ten seconds; this one met the hidden text or it did not.
    expect(performance.now() - began).toBeLessThan(5_000);
    expect(right.data).toEqual((await house.query(who, query, { p: slowOn('Quilt') })).data);
  });

  test('who sees all rows has no test in front of the pattern', async () => {
    await house.query(principal({ roles: ['nurse'], claims: { country: 'DE' } }), '{ patients(where: { note: { like: "%x%" } }) { totalCount } }');
    expect(house.statements.at(-1)?.text).toContain('CASE WHEN');
    await house.query(principal({ roles: ['nurse'] }), '{ visits(where: { id: { gt: "0" } }) { totalCount } }');
    expect(house.statements.at(-1)?.text).not.toContain('_seen');
  });
});

test('regular expressions are few and short, so that to look at them takes the time of one statement', async () => {
  const who = principal({ roles: ['nurse'], claims: { country: 'DE' } });
  const ask = async (patterns: readonly string[]) =>
    house.query(who, 'query ($w: [PatientsWhere!]) { patients(where: { or: $w }) { totalCount } }', { w: patterns.map((matches) => ({ note: { matches } })) });
  expect((await ask(Array.from({ length: 20 }, (_, i) => `a${i}`))).errors).toBeUndefined();
  // All of them are looked at in one statement, and then the rows are read.
  expect(house.statements.filter(({ text }) => text.includes('unnest($1::text[]) AS p'))).toHaveLength(1);
  expect((await ask(Array.from({ length: 21 }, (_, i) => `a${i}`))).errors).toMatchObject([{ extensions: { code: 'QUERY_TOO_COMPLEX', limit: 20 } }]);
  expect((await ask(['a'.repeat(1_001)])).errors).toMatchObject([{ extensions: { code: 'QUERY_TOO_COMPLEX', limit: 1_000 } }]);
});

describe('one plan does not pass for another', () => {
  const who = principal({ roles: ['nurse'], claims: { country: 'DE' } });

  test('of one key under an alias that is named like those of many', async () => {
    expect((await house.query(who, '{ many: patientsByKey(id: "1") { id } }')).data).toEqual({ many: { id: '1' } });
    const both = await house.query(who, '{ x: patientsByKey(id: "1") { id } y: patientsByKey(id: "2") { id } }');
    expect(both.errors).toBeUndefined();
    expect(both.data).toEqual({ x: { id: '1' }, y: null });
    expect((await house.query(who, '{ many: patientsByKey(id: "1") { id country } }')).data).toEqual({ many: { id: '1', country: 'DE' } });
  });
});
