import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AuditEntryEntity } from '../../src/audit/index.js';
import { createWorld, type World } from './setup.js';

/** What is made of rows that are shown by consent is shown by consent, of the same persons; or the pipeline is refused. */
const DATASETS = `
kind: Purpose
name: marketing
---
kind: Purpose
name: research
---
kind: Dataset
name: people
fields:
  - { name: id, type: bigint }
  - { name: email, type: text }
  - { name: country, type: text }
  - { name: friend, type: bigint }
key: [id]
subject: id
consent: { purposes: [marketing] }
---
kind: Dataset
name: visits
fields:
  - { name: visitor, type: bigint }
  - { name: pages, type: integer }
subject: visitor
consent: { purposes: [research, marketing] }
---
kind: Dataset
name: countries
fields: [{ name: code, type: text }, { name: id, type: bigint }]
key: [code]
`;

let world: World;
beforeAll(async () => {
  world = await createWorld();
  await world.apply(DATASETS);
  await world.database.query("INSERT INTO data.people (id, email, country) SELECT i, i || '@example.com', 'DE' FROM generate_series(1, 3) AS i");
});
afterAll(() => world?.close());

let made = 0;
/** The dataset that a pipeline of these steps makes; its publish with what is given. */
async function make(
  steps: readonly string[],
  publish = '',
): Promise<{ readonly subject: string | undefined; readonly consent: readonly string[] | undefined }> {
  const name = `made_${++made}`;
  const document = `kind: Pipeline\nname: ${name}\nsteps:\n${[...steps, `{ publish: { to: ${name}${publish} } }`].map((step) => `  - ${step}`).join('\n')}\n`;
  await world.apply(document);
  const { subject, consent } = await world.dataset(name);
  return { subject, consent: consent?.purposes };
}
const sql = (text: string, name = 's', more = '') => `{ name: ${name}, sql: ${JSON.stringify(text)}${more} }`;
const ANONYMOUS = ", anonymises: { subject: true, reason: 'Counts of whole countries.' }";

describe('what is made of rows that need consent needs it too', () => {
  test.each<[string, readonly string[], string, string, readonly string[]]>([
    ['through columns that are left as they are', [sql('SELECT id, upper(email) AS mail FROM people')], '', 'id', ['marketing']],
    [
      'under another name, in any number of steps',
      ['{ name: a, transform: { from: people, rename: { id: who }, select: [who, email] } }', '{ name: b, transform: { deduplicate: [email], limit: 10 } }'],
      '',
      'who',
      ['marketing'],
    ],
    [
      'in groups of one person each',
      ['{ name: a, aggregate: { from: visits, groupBy: [visitor], measures: { n: count(*), most: max(pages) } } }'],
      '',
      'visitor',
      ['marketing', 'research'],
    ],
    ['joined to what needs none', [sql('SELECT p.*, c.code FROM people p LEFT JOIN countries c ON c.code = p.country')], '', 'id', ['marketing']],
    [
      'by a subquery, a common table and a star',
      [sql('WITH w AS (SELECT * FROM people) SELECT x.email, x.id FROM (SELECT * FROM w WHERE id > 1) AS x')],
      '',
      'id',
      ['marketing'],
    ],
    [
      'joined to other rows of the same person, as the author declares',
      [sql('SELECT p.id, p.email, v.pages FROM people p JOIN visits v ON v.visitor = p.id')],
      ', subject: id',
      'id',
      ['marketing', 'research'],
    ],
    ['united, as the author declares', [sql('SELECT id FROM people UNION ALL SELECT visitor FROM visits')], ', subject: id', 'id', ['marketing', 'research']],
  ])('%s', async (_, steps, publish, subject, purposes) => {
    expect(await make(steps, publish)).toEqual({ subject, consent: purposes });
  });

  test('and what is made of that', async () => {
    await make([sql('SELECT id AS person, email FROM people')]);
    expect(await make([sql(`SELECT person, length(email) AS n FROM made_${made}`)])).toEqual({ subject: 'person', consent: ['marketing'] });
  });

  test('unless a step declares that its rows are about nobody; the audit has it', async () => {
    expect(await make([sql('SELECT country, count(*) AS n FROM people GROUP BY country', 's', ANONYMOUS)])).toEqual({ subject: undefined, consent: undefined });
    const facts = await world.database.manager.find(AuditEntryEntity, { where: { action: 'apply' }, order: { at: 'DESC' }, take: 5 });
    expect(facts.map(({ details }) => details['anonymises'])).toContainEqual([{ step: 's', subject: true, reason: 'Counts of whole countries.' }]);
    // What comes by another way needs it still.
    await expect(
      make([
        sql('SELECT country, count(*) AS n FROM people GROUP BY country', 'a', ANONYMOUS),
        sql('SELECT a.n, p.email FROM a JOIN people p ON p.country = a.country'),
      ]),
    ).rejects.toThrow(/no column of the step s is a person's subject/);
  });
});

describe('a pipeline is refused where it can not be told whose consent to ask for', () => {
  const lost = /needs consent for marketing.*, and no column of the step s is a person's subject as it was read/;
  const mixed = /may hold values of several persons/;
  test.each<[string, string, RegExp]>([
    ['numbers of many', 'SELECT country, count(*) AS n FROM people GROUP BY country', lost],
    ['a subject that was computed', 'SELECT id + 1 AS id, email FROM people', lost],
    ['a subject that was chosen', 'SELECT max(id) AS id, country FROM people GROUP BY country', lost],
    [
      'a subject from a list',
      'SELECT u.id, t.mails FROM (SELECT array_agg(id) AS ids, array_agg(email) AS mails FROM people) AS t, unnest(t.ids) AS u(id)',
      lost,
    ],
    ['a subject or another', 'SELECT CASE WHEN id > 1 THEN 1 ELSE id END AS id, email FROM people', lost],
    ['another column under its name', 'SELECT friend AS id, email FROM people', lost],
    ['a constant', 'SELECT 1::bigint AS id, email FROM people', lost],
    ['a subject of one side of a union', 'SELECT id, email FROM people UNION ALL SELECT id, code FROM countries', lost],
    ['a column of a full join', 'SELECT id, email FROM people FULL JOIN (SELECT 1::bigint AS id) AS o USING (id)', lost],
    ['a value beside', 'SELECT code, (SELECT max(email) FROM people) AS m FROM countries', lost],
    ['a friend', 'SELECT p.id, f.email FROM people p JOIN people f ON f.id = p.friend', mixed],
    ['a friend in a subquery', 'SELECT p.id, (SELECT f.email FROM people f WHERE f.id = p.friend) AS m FROM people p', mixed],
    ['a friend by a common table', 'WITH w AS (SELECT * FROM people) SELECT p.id, f.email FROM w p JOIN w f ON f.id = p.friend', mixed],
    ['a neighbour', 'SELECT id, lag(email) OVER (ORDER BY id) AS before FROM people', mixed],
    ['a neighbour in a named window', 'SELECT id, first_value(email) OVER w AS first FROM people WINDOW w AS (ORDER BY id)', mixed],
    ['rows of two', 'SELECT p.id, v.pages FROM people p CROSS JOIN visits v', mixed],
  ])('%s', async (_, text, message) => {
    await expect(make([sql(text)])).rejects.toThrow(message);
  });

  test('over several steps as well', async () => {
    await expect(make([sql('SELECT id, email, friend FROM people', 'a'), sql('SELECT a.id, p.email FROM a JOIN people p ON p.id = a.friend')])).rejects.toThrow(
      mixed,
    );
    await expect(make([sql('SELECT id, email FROM people', 'a'), sql('SELECT id, lead(email) OVER (ORDER BY id) AS e FROM a')])).rejects.toThrow(mixed);
  });

  test('and no declaration makes another column the subject', async () => {
    await expect(make([sql('SELECT p.id, p.friend FROM people p')], ', subject: friend')).rejects.toThrow(
      /friend is not the subject of a person as it was read; id is/,
    );
  });

  test('on the day on which what it reads needs consent', async () => {
    await make([sql('SELECT code, count(*) AS n FROM countries GROUP BY code')]);
    const personal = DATASETS.replace('key: [code]', 'key: [code]\nsubject: id\nconsent: { purposes: [research] }');
    await expect(world.apply(personal)).rejects.toThrow(new RegExp(`Pipeline made_${made}.*needs consent for research`));
  });
});

test('rows that were made while they needed consent are not there when they need it no more', async () => {
  const document = (step: string) => `kind: Pipeline\nname: mails\nsteps:\n  - ${step}\n  - { publish: { to: mails } }\n`;
  await world.apply(document(sql('SELECT id, email FROM people')));
  await world.run('mails');
  const count = async () => (await world.database.query<{ n: number }>('SELECT count(*)::int AS n FROM data.mails'))[0]?.n;
  expect(await count()).toBe(3);
  const { warnings } = await world.apply(document(sql('SELECT id, email FROM people', 's', ANONYMOUS)));
  expect(warnings.join('\n')).toMatch(
    /its rows no longer need the consent that they needed, and rows that the pipeline made as it was before are there, so mails is empty/,
  );
  expect(warnings.join('\n')).toMatch(/the rows of the step s are about no person and need no consent, on its own word: Counts of whole countries/);
  expect(await count()).toBe(0);
});
