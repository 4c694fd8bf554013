import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { LiveSource } from '../../src/catalog/index.js';
import { Sources } from '../../src/sources/index.js';
import { silentLog } from '../../src/kernel/index.js';
import { House, principal } from '../support/house.js';
import { RemoteDatabase } from './remote-database.js';

/** What a reader must not get out of a source, and what a source must not get out of us. */
const CANARY = 'canary-8d1f';

const DATASETS = `
kind: Source
name: crm
type: postgres
url: \${HEADGATE_SECRET_CRM}
timeout: 10s
---
kind: Dataset
name: people
source: crm
table: '"Pe""ople; DROP TABLE x --"."The Table ""x"""'
fields:
  - { name: id, type: integer }
  - { name: email, type: text, column: 'E "mail" \\ 名前' }
  - { name: country, type: text }
  - { name: salary, type: integer }
  - { name: doc, type: json }
key: [id]
---
kind: Dataset
name: notes
source: crm
table: public.notes
fields: [{ name: body, type: text }, { name: n, type: integer }]
---
kind: Dataset
name: bare
source: crm
table: public.keyless
fields: [{ name: v, type: text }, { name: w, type: integer }]
---
kind: Dataset
name: seen
source: crm
table: public.seen
fields: [{ name: v, type: text }, { name: w, type: integer }]
---
kind: Grant
name: partly
to: { roles: [partly] }
on: { datasets: [bare, seen] }
fields: { v: allow, w: { mask: redact } }
---
kind: Grant
name: masked
to: { roles: [masked] }
on: { datasets: [people] }
rows: country = claim('country')
fields: { id: { mask: round, step: 1000 }, email: { mask: email }, country: allow, salary: { mask: round, step: 100 } }
---
kind: Grant
name: plain
to: { roles: [plain] }
on: { datasets: [people, notes] }
fields: { '*': allow }
`;

const TABLES = `
  CREATE SCHEMA "Pe""ople; DROP TABLE x --";
  CREATE TABLE "Pe""ople; DROP TABLE x --"."The Table ""x""" (id int PRIMARY KEY, "E ""mail"" \\ 名前" varchar UNIQUE, country varchar(2), salary int, doc json);
  INSERT INTO "Pe""ople; DROP TABLE x --"."The Table ""x""" SELECT n, '${CANARY}' || n || '@example.com', CASE WHEN n % 2 = 0 THEN 'DE' ELSE 'FR' END, 50000 + n, '{}' FROM generate_series(1, 2000) n;
  ANALYZE "Pe""ople; DROP TABLE x --"."The Table ""x""";
  CREATE TABLE notes (body text, n int);
  INSERT INTO notes SELECT 'note ' || n, n % 3 FROM generate_series(1, 25) n;
  CREATE TABLE keyless (v text, w int, hidden int);
  INSERT INTO keyless VALUES ('same', 1, 1), ('same', 2, 2), ('same', 1, 1);
  CREATE VIEW seen AS SELECT v, w, hidden FROM keyless`;

/** The row id in a cursor. */
const decoded = (cursor: string) => (JSON.parse(Buffer.from(cursor, 'base64url').toString()) as string[]).at(-1);

describe.each([
  ['a new server', () => RemoteDatabase.onNew()],
  ['an old server', () => RemoteDatabase.onOld()],
])('at %s', (_, create) => {
  let crm: RemoteDatabase | undefined;
  let house: House;
  let reason = '';

  beforeAll(async () => {
    const made = await create();
    house = await House.open({ maxCost: 1_000_000 });
    if (!(made instanceof RemoteDatabase)) return void (reason = made.reason);
    crm = made;
    await crm.run(TABLES);
    house.secrets.set('HEADGATE_SECRET_CRM', crm.url);
    await house.apply(DATASETS);
  });

  beforeEach(({ skip }) => {
    if (!crm) skip(reason);
    house.statements.length = 0;
    house.fetched.length = 0;
  });

  afterAll(async () => {
    await house?.close();
    await crm?.drop();
  });

  test('masks and row filters are done there: nothing that may not be seen is fetched', async () => {
    const { data, errors } = await house.query(
      principal({ roles: ['masked'], claims: { country: 'DE' } }),
      `{ people(first: 20, orderBy: { email: DESC }, where: { email: { contains: "c***@example.com" }, salary: { gte: 50000 } }) {
        totalCount nodes { id email country salary } edges { cursor } } }`,
    );
    expect(errors).toBeUndefined();
    expect(data['people']?.totalCount).toBe(1000);
    expect(data['people']?.nodes[0]).toMatchObject({ email: 'c***@example.com', country: 'DE' });
    expect(JSON.stringify(house.fetched)).not.toContain(CANARY);
    expect(house.statements.length).toBe(1);
    for (const { text } of house.statements) expect(text).toMatch(/split_part|strpos/);
  });

  test('a filter by a masked value finds what the mask shows, and not what is behind it', async () => {
    const { data } = await house.query(
      principal({ roles: ['masked'], claims: { country: 'DE' } }),
      `{ people(where: { email: { eq: "${CANARY}2@example.com" } }) { totalCount } other: people(where: { salary: { eq: 50002 } }) { totalCount } }`,
    );
    expect([data['people']?.totalCount, data['other']?.totalCount]).toEqual([0, 0]);
  });

  test('rows whose key may not be seen come in an order that tells nothing, and every page once', async () => {
    const seen: string[] = [];
    let after = '';
    for (let page = 0; page < 12; page++) {
      const { data } = await house.query(
        principal({ roles: ['masked'], claims: { country: 'DE' } }),
        `{ people(first: 100${after && `, after: "${after}"`}) { nodes { salary id } pageInfo { endCursor hasNextPage } } }`,
      );
      seen.push(...(data['people']?.nodes ?? []).map(({ salary }) => String(salary)));
      after = data['people']?.pageInfo.endCursor ?? '';
      if (!data['people']?.pageInfo.hasNextPage) break;
    }
    expect(seen).toHaveLength(1000);
    expect(seen).not.toEqual(seen.toSorted());
  });

  test('a table without a key is paged through as well', async () => {
    const seen: unknown[] = [];
    let after = '';
    do {
      const { data } = await house.query(
        principal({ roles: ['plain'] }),
        `{ notes(first: 7${after && `, after: "${after}"`}) { nodes { body } pageInfo { endCursor hasNextPage } } }`,
      );
      seen.push(...(data['notes']?.nodes ?? []).map(({ body }) => body));
      after = data['notes']?.pageInfo.hasNextPage ? (data['notes']?.pageInfo.endCursor ?? '') : '';
    } while (after);
    expect(new Set(seen).size).toBe(25);
    expect(seen).toHaveLength(25);
  });

  test('cursors of a table or view without a key tell nothing of cells that are not seen', async () => {
    const cursors = async (root: string) => {
      const { data, errors } = await house.query(principal({ roles: ['partly'] }), `{ ${root} { edges { cursor node { v w } } } }`);
      expect(errors).toBeUndefined();
      return (data[root] as unknown as { edges: { cursor: string; node: unknown }[] }).edges.map(({ cursor, node }) => ({ id: decoded(cursor), node }));
    };
    // v is seen, w is redacted, hidden is not even in the contract; the first and the last row are equal.
    const [one, two, three] = (await cursors('bare')).map(({ id }) => id);
    expect(new Set([one, two, three]).size).toBe(3);
    const ofView = new Set((await cursors('seen')).map(({ id }) => id));
    expect(ofView.size).toBe(1);
    await crm?.run('UPDATE keyless SET w = 1, hidden = 9');
    expect(new Set((await cursors('seen')).map(({ id }) => id))).toEqual(ofView);
    expect((await cursors('bare')).map(({ node }) => node)).toEqual([1, 2, 3].map(() => ({ v: 'same', w: 0 })));
  });

  test('the indexes there serve what is asked by equality', async () => {
    await house.query(principal({ roles: ['plain'] }), `{ people(where: { email: { eq: "${CANARY}7@example.com" } }) { nodes { id } } }`);
    const [statement] = house.statements;
    const plan = await crm?.run(`EXPLAIN ${statement?.text ?? ''}`, [...(statement?.values ?? [])]);
    expect(JSON.stringify(plan)).toMatch(/Index Scan/);
  });

  test('JSON that jsonb does not hold is null, and no error', async () => {
    const documents = [
      ['{"a": "\\u0000"}', null],
      ['{"a": "\\ud83d"}', null],
      ['{"a": "\\ude00 \\ud83d"}', null],
      ['{"n": 1e200000}', null],
      ['{"n": 1e-200000}', null],
      [`{"n": ${'9'.repeat(200_000)}}`, null],
      ['{"a": "\\ud83d\\ude00"}', { a: '😀' }],
      ['{"a": "\\\\u0000", "b": "\\"1e999999\\""}', { a: '\\u0000', b: '"1e999999"' }],
      ['{"a": "e1234567", "n": 1e3}', { a: 'e1234567', n: 1000 }],
    ] as const;
    const table = '"Pe""ople; DROP TABLE x --"."The Table ""x"""';
    for (const [i, [text]] of documents.entries()) await crm?.run(`UPDATE ${table} SET doc = $1 WHERE id = $2`, [text, i + 1]);
    const { data, errors } = await house.query(principal({ roles: ['plain'] }), `{ people(first: ${documents.length}) { nodes { doc } } }`);
    expect(errors).toBeUndefined();
    expect(data['people']?.nodes.map(({ doc }) => doc)).toEqual(documents.map(([, value]) => value));
    const filtered = await house.query(principal({ roles: ['plain'] }), '{ people(where: { doc: { hasKey: "n" } }) { totalCount } }');
    expect(filtered.errors).toBeUndefined();
  });
});

describe('a session at a source', () => {
  let crm: RemoteDatabase;

  beforeAll(async () => {
    crm = await RemoteDatabase.onNew();
  });

  afterAll(() => crm?.drop());

  const definition = (timeoutMs = 2_000): LiveSource => ({ name: 'crm', type: 'postgres', url: '${HEADGATE_SECRET_CRM}', timeoutMs, poolSize: 1 });
  const sourcesAt = (url: string, log = silentLog) => new Sources({ secrets: new Map([['HEADGATE_SECRET_CRM', url]]), log });

  test('writes nothing, whatever it is asked', async () => {
    await sourcesAt(crm.url).borrow(definition(), async (source) => {
      await expect(source.query({ text: 'CREATE TABLE public.mine ()', values: [] })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      await expect(source.query({ text: 'SELECT 1::text', values: [] })).resolves.toEqual([['1']]);
    });
    expect(await crm.run("SELECT FROM pg_class WHERE relname = 'mine'")).toEqual([]);
  });

  test('that could write, since the URL says so, is not used', async () => {
    const url = `${crm.url}${crm.url.includes('?') ? '&' : '?'}options=${encodeURIComponent('-c default_transaction_read_only=off')}`;
    await sourcesAt(url).borrow(definition(), async (source) => {
      await expect(source.query({ text: 'SELECT 1::text', values: [] })).rejects.toMatchObject({
        code: 'UNAVAILABLE',
        message: expect.stringMatching(/default_transaction_read_only=on: the URL must not set "options"/) as string,
      });
    });
  });

  test.each([
    ['a server that is not there', 'postgres://someone:s3cret@127.0.0.1:1/hidden'],
    ['what is no URL', 'postgres://someone:s3cret@[hidden'],
    ['a password that is wrong', 'postgres://someone:s3cret@/hidden'],
  ])('tells nothing of where it is: %s', async (_, url) => {
    const lines: string[] = [];
    const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) });
    const error: unknown = await sourcesAt(url, log)
      .borrow(definition(), async (source) => source.query({ text: 'SELECT 1::text', values: [] }))
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'UNAVAILABLE' });
    expect(`${(error as Error).message} ${JSON.stringify(error)} ${lines.join('')}`).not.toMatch(/s3cret|someone|hidden|127\.0\.0\.1/);
  });
});
