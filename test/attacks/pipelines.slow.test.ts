import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openWorld, type World } from '../processing/rooms.js';
import { House, principal } from '../support/house.js';

/** An engineer may read inputs whole by a pipeline, and must not be able to make of a masked field one that is not. */
const EMAILS = ['bert@example.com', 'anna@example.com', 'carl@example.com'];
const analyst = principal({ subject: 'analyst', roles: ['analyst'] });
let house: House;
let world: World;

beforeAll(async () => {
  house = await House.open();
  world = await openWorld(house.where);
  await house.apply(`
kind: Dataset
name: people
fields:
  - { name: id, type: integer }
  - { name: city, type: text }
  - { name: email, type: text, tags: [pii.email] }
key: [id]
---
kind: Grant
name: analysts
to: { roles: [analyst] }
on: { datasets: ['*'] }
fields:
  '*': allow
  tag:pii: { mask: nullify }
`);
  for (const [i, email] of EMAILS.entries())
    await house.database.query("INSERT INTO data.people (id, city, email, _load) VALUES ($1, 'Berlin', $2, 1)", [i + 1, email]);
});
afterAll(async () => {
  await world?.close();
  await house?.close();
});

const guesses = "(SELECT 'anna@example.com' AS email UNION ALL SELECT 'bert@example.com')";

describe('a masked value that is spelled out by which rows come out', () => {
  test.each<[string, string, readonly string[]]>([
    [
      'a join with its letters',
      'SELECT id, i, chr(c) AS letter FROM people, generate_series(1, 20) AS i JOIN generate_series(46, 122) AS c ON true WHERE substr(email, i, 1) = chr(c)',
      ['id', 'i', 'letter'],
    ],
    [
      'the same, in ON',
      'SELECT p.id, i.i, c.c FROM generate_series(1, 20) AS i(i) CROSS JOIN people AS p JOIN generate_series(46, 122) AS c(c) ON substr(p.email, i.i, 1) = chr(c.c)',
      ['id', 'i', 'c'],
    ],
    [
      'EXISTS',
      `SELECT p.id, g.guess FROM people AS p, (SELECT email AS guess FROM ${guesses} AS x) AS g WHERE EXISTS (SELECT 1 FROM people AS q WHERE q.id = p.id AND q.email = g.guess)`,
      ['id', 'guess'],
    ],
    ['IN', `SELECT id, city FROM people WHERE email IN (SELECT email FROM ${guesses} AS g)`, ['id', 'city']],
    ['a filter', "SELECT id, 'starts with b' AS says FROM people WHERE email LIKE 'b%'", ['id', 'says']],
    ['a filter in a common table', "WITH b AS (SELECT id FROM people WHERE email LIKE 'b%') SELECT p.id FROM people AS p JOIN b ON b.id = p.id", ['id']],
    ['groups', 'SELECT min(id) AS id, count(*) AS n FROM people GROUP BY left(email, 1)', ['id', 'n']],
    ['having', "SELECT id, 'yes' AS says FROM people GROUP BY id HAVING max(email) LIKE 'b%'", ['id', 'says']],
    ['the first in order', 'SELECT id FROM people ORDER BY email LIMIT 1', ['id']],
    ['the place in an order', 'SELECT id, row_number() OVER () AS place FROM (SELECT id FROM people ORDER BY email) AS p', ['id', 'place']],
    [
      'DISTINCT with guesses',
      `SELECT id, count(*) AS n FROM (SELECT DISTINCT id, email FROM (SELECT id, email FROM people UNION ALL SELECT p.id, g.email FROM people AS p, ${guesses} AS g) AS u) AS d GROUP BY id`,
      ['id', 'n'],
    ],
    [
      'UNION with guesses',
      `SELECT id, count(*) AS n FROM (SELECT id, email FROM people UNION SELECT p.id, g.email FROM people AS p, ${guesses} AS g) AS d GROUP BY id`,
      ['id', 'n'],
    ],
    ['INTERSECT with guesses', `SELECT id FROM (SELECT id, email FROM people INTERSECT SELECT p.id, g.email FROM people AS p, ${guesses} AS g) AS d`, ['id']],
    ['as many rows as letters', 'SELECT id, i FROM people CROSS JOIN LATERAL generate_series(1, ascii(email)) AS i', ['id', 'i']],
    ['a subquery as a value', `SELECT id, (SELECT count(*) FROM ${guesses} AS g WHERE g.email = p.email) AS n FROM people AS p`, ['n']],
    ['a window', 'SELECT id, rank() OVER (ORDER BY email) AS n FROM people', ['n']],
  ])('%s', async (_, sql, tagged) => {
    await house.apply(`
kind: Pipeline
name: spell
steps:
  - name: s
    sql: ${JSON.stringify(sql)}
  - publish: { to: spelled }
---
kind: Pipeline
name: spell_again
steps:
  - name: t
    transform: { from: spelled, derive: { copy: ${tagged[0]} }, select: [copy] }
  - publish: { to: spelled_again }
`);
    for (const name of ['spell', 'spell_again']) expect((await world.run(name)).status).toBe('SUCCEEDED');
    const fields = (await world.dataset('spelled')).fields.filter(({ tags }) => tags.includes('pii.email')).map(({ name }) => name);
    expect(fields).toEqual(tagged);

    const { nodes } = await house.connection(analyst, 'spelled', `{ spelled { nodes { ${tagged.join(' ')} } } }`);
    expect(nodes.length).toBeGreaterThan(0);
    for (const node of nodes) expect(Object.values(node).every((value) => value === null)).toBe(true);
    const again = await house.connection(analyst, 'spelledAgain', '{ spelledAgain { nodes { copy } } }');
    for (const node of again.nodes) expect(node).toEqual({ copy: null });
  });
});
