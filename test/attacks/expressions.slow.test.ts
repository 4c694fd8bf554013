import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { House, principal } from '../support/house.js';

/** Masks that are expressions, against what they could open (CVE-2024-2338: mask expressions as code). */
const MANIFESTS = `
kind: Dataset
name: staff
fields:
  - { name: id, type: integer }
  - { name: name, type: text }
  - { name: country, type: text }
  - { name: salary, type: decimal }
  - { name: days, type: integer }
key: [id]
---
# The expression reads the country, which this grant shows.
kind: Grant
name: with-country
to: { roles: [clerk, spared] }
on: { datasets: [staff] }
fields: { id: allow, country: allow, name: { mask: sql, sql: "left(name, 1) || ' in ' || coalesce(country, '?')" } }
---
# And this one closes the country in some rows.
kind: Grant
name: not-in-france
to: { roles: [spared] }
on: { datasets: [staff] }
rows: id = 2
discloses: [id]
fields: { country: deny }
---
# The same expression twice: what one grant discloses, the other does not.
kind: Grant
name: a-disclosing
to: { roles: [lender] }
on: { datasets: [staff] }
rows: id = 1
discloses: [country]
fields: { id: allow, name: { mask: sql, sql: "coalesce(country, '?')" } }
---
kind: Grant
name: borrowing
to: { roles: [lender] }
on: { datasets: [staff] }
fields: { id: allow, country: allow, name: { mask: sql, sql: "coalesce(country, '?')" } }
---
kind: Grant
name: denying
to: { roles: [lender] }
on: { datasets: [staff] }
fields: { country: deny }
---
# Two grants whose expressions read each other's field.
kind: Grant
name: left
to: { roles: [knot] }
on: { datasets: [staff] }
rows: id <= 2
fields: { id: allow, country: allow, name: { mask: sql, sql: "'of ' || country" } }
---
kind: Grant
name: right
to: { roles: [knot] }
on: { datasets: [staff] }
rows: id >= 2
fields: { id: allow, name: allow, country: { mask: sql, sql: "'of ' || name" } }
---
# An expression that fails on a row which the grant keeps back.
kind: Grant
name: failing
to: { roles: [counter] }
on: { datasets: [staff] }
rows: id <= 2
fields: { id: allow, country: allow, days: allow, salary: { mask: sql, sql: "round(salary / days)" } }
`;

let house: House;

beforeAll(async () => {
  house = await House.open();
  await house.apply(MANIFESTS);
  await house.database.query(`INSERT INTO data.staff (id, name, country, salary, days)
    VALUES (1, 'Anna', 'DE', 1000, 10), (2, 'Luc', 'FR', 900, 9), (3, 'Ola', 'NO', 800, 8)`);
});
afterAll(() => house?.close());

const who = (role: string) => principal({ roles: [role] });
const rowsFor = async (role: string, fields: string) =>
  (await house.connection(who(role), 'staff', `{ staff(orderBy: [{ id: ASC }]) { nodes { ${fields} } } }`)).nodes;

describe('an expression opens no more than it reads', () => {
  test('it shows what its grant shows', async () => {
    expect(await rowsFor('clerk', 'name')).toEqual([{ name: 'A in DE' }, { name: 'L in FR' }, { name: 'O in NO' }]);
  });

  test('what another grant denies is null to it', async () => {
    expect(await rowsFor('spared', 'name country')).toEqual([
      { name: 'A in DE', country: 'DE' },
      { name: 'L in ?', country: null },
      { name: 'O in NO', country: 'NO' },
    ]);
    for (const where of ['{ contains: "FR" }', '{ endsWith: "FR" }', '{ eq: "L in FR" }'])
      expect(await house.connection(who('spared'), 'staff', `{ staff(where: { name: ${where} }) { totalCount } }`)).toEqual({ totalCount: 0 });
  });

  test('what one grant discloses is for its own expression, and for its own rows', async () => {
    expect(await rowsFor('lender', 'id name')).toEqual([
      { id: 1, name: 'DE' },
      { id: 2, name: '?' },
      { id: 3, name: '?' },
    ]);
  });

  test('two that read each other come to an end, and each reads what is seen plain', async () => {
    expect(await rowsFor('knot', 'id name country')).toEqual([
      { id: 1, name: 'of DE', country: 'DE' },
      { id: 2, name: 'Luc', country: 'FR' },
      { id: 3, name: 'Ola', country: 'of Ola' },
    ]);
  });

  test('what it shows is what filters, groups and aggregates see', async () => {
    const { data } = await house.query(
      who('spared'),
      '{ staff(where: { name: { contains: "?" } }) { totalCount aggregate { min { name } max { name } } groupBy(keys: [{ name: true }]) { keys { name } } } }',
    );
    expect(data['staff']).toMatchObject({
      totalCount: 1,
      aggregate: { min: { name: 'L in ?' }, max: { name: 'L in ?' } },
      groupBy: [{ keys: { name: 'L in ?' } }],
    });
  });
});

describe('an expression that may fail', () => {
  test('works while it does not', async () => {
    expect(await rowsFor('counter', 'id salary')).toEqual([
      { id: 1, salary: '100' },
      { id: 2, salary: '100' },
    ]);
  });

  test.each([
    ['that is shown', 2],
    ['that is kept back', 3],
  ])('tells nothing by failing on a row %s', async (_, id) => {
    await house.database.query('UPDATE data.staff SET days = 0 WHERE id = $1', [id]);
    const texts = new Set<string>();
    for (const where of [
      '{}',
      '{ id: { eq: 1 } }',
      '{ id: { eq: 2 } }',
      '{ id: { eq: 3 } }',
      '{ id: { eq: 99 } }',
      '{ salary: { gt: "1" } }',
      '{ country: { eq: "NO" } }',
    ]) {
      const { errors } = await house.query(who('counter'), `{ staff(where: ${where}) { nodes { salary } } }`);
      texts.add(JSON.stringify(errors?.map(({ message, extensions }) => [message, extensions['code']])));
    }
    // Which row it is can't be found out: either all questions fail or none does.
    expect(texts.size).toBe(1);
    if (id === 2) expect([...texts][0]).toContain('a steward can mend it');
    expect(String([...texts][0])).not.toMatch(/division|900|800/);
    // Whoever does not ask for it is not concerned.
    expect(await rowsFor('counter', 'id country')).toHaveLength(2);
    await house.database.query('UPDATE data.staff SET days = 8 WHERE id = $1', [id]);
  });
});
