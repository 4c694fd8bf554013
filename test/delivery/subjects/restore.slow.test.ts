import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inject } from 'vitest';
import { apply, erase, openPeople, type People } from './people.js';
import type { Served } from '../../support/served.js';

let first: People;
let now: Served;
let home: string;
const closers: (() => Promise<void>)[] = [];

/** Statements of who owns the server, while nobody has the database open. */
async function owner(...statements: string[]): Promise<void> {
  const client = new pg.Client({ ...inject('connection'), database: 'postgres' });
  await client.connect();
  for (const statement of statements) await client.query(statement);
  await client.end();
}

beforeAll(async () => {
  first = await openPeople();
  now = first.served;
  home = now.home;
  await first.fill();
});
afterAll(async () => {
  await now?.app.close();
  await first?.served.close();
  for (const close of closers) await close();
});

const start = async (): Promise<Served> => (now = await first.served.beside({ HEADGATE_HOME: home }));
const file = () => join(home, 'erasures.ndjson');
const lines = async () => (await readFile(file(), 'utf8')).trimEnd().split('\n');
const left = () =>
  now.sql(
    "SELECT (SELECT count(*) FROM data.visits WHERE visitor = '7')::int AS visits, (SELECT count(*) FROM data.customers WHERE id = 7)::int AS customers, (SELECT count(*) FROM headgate.quarantined_row WHERE raw ->> 'id' ~ '7')::int AS quarantined",
  );

test('a database that is brought back to an earlier state is told of the erasures since, before it is served', async () => {
  const { database } = now.connection;
  await now.app.close();
  await owner(`CREATE DATABASE ${database}_copy TEMPLATE ${database}`);
  closers.push(() => owner(`DROP DATABASE IF EXISTS ${database}_copy WITH (FORCE)`));
  await start();
  await apply(now, first.admin, "kind: LegalHold\nname: over\nreason: case 3\nsubjects: ['8']");
  const { data } = await erase(now, first.admin, '7');
  await erase(now, first.admin, '4711', 'request of 4 March');
  await now.app.close();

  await owner(`DROP DATABASE ${database} WITH (FORCE)`, `CREATE DATABASE ${database} TEMPLATE ${database}_copy`);
  expect(await left()).toEqual([{ visits: 2, customers: 1, quarantined: 2 }]);
  await start();
  expect(await left()).toEqual([{ visits: 0, customers: 0, quarantined: 0 }]);
  expect(await now.sql("SELECT count(*)::int AS n FROM data.visits WHERE visitor = '8'")).toEqual([{ n: 1 }]);
  expect(await now.sql('SELECT id::text, reason, replayed_at IS NOT NULL AS replayed FROM headgate.erasure ORDER BY at')).toMatchObject([
    { id: data.eraseSubject.id, reason: 'request of 3 March', replayed: true },
    { reason: 'request of 4 March', replayed: true },
  ]);
  const entries = await now.sql(
    "SELECT principal, dataset, row_count::int AS rows, details ->> 'replayed' AS replayed, details ->> 'by' AS by FROM headgate.audit_record WHERE action = 'subject.erase' AND details ->> 'erasure' = '" +
      data.eraseSubject.id +
      "' AND dataset IS NULL",
  );
  expect(entries).toEqual([{ principal: 'headgate', dataset: null, rows: 9, replayed: 'true', by: 'root' }]);
  expect(await lines()).toHaveLength(2);

  // It is done once.
  await now.app.close();
  await start();
  expect(await now.sql("SELECT count(*)::int AS n FROM headgate.audit_record WHERE action = 'subject.erase' AND dataset IS NULL")).toEqual([{ n: 2 }]);
});

test('a file that lost a line gets it back from the database, and a torn line is not continued', async () => {
  await now.app.close();
  const [line = ''] = await lines();
  await writeFile(file(), `${line}\n{"id":"torn`);
  await start();
  const written = await lines();
  expect(written).toHaveLength(2);
  expect(written.map((text) => (JSON.parse(text) as { reason: string }).reason)).toEqual(['request of 3 March', 'request of 4 March']);
});

test('it does not start with a file that can not be read, nor with erasures of another master key', async () => {
  await now.app.close();
  const whole = await readFile(file(), 'utf8');
  await writeFile(file(), `{"damaged":true}\n${whole}`);
  await expect(start()).rejects.toMatchObject({ code: 'UNAVAILABLE', details: { file: file(), line: 1 } });
  const foreign = { ...(JSON.parse(whole.split('\n')[0] ?? '') as object), id: '019a0000-0000-7000-8000-000000000000', keyId: '0123456789abcdef' };
  await writeFile(file(), whole);
  await appendFile(file(), `${JSON.stringify(foreign)}\n`);
  await expect(start()).rejects.toMatchObject({ code: 'UNAVAILABLE', message: expect.stringContaining('another master key') as string });
  await writeFile(file(), whole);
  await start();
});

test('an erasure whose line could not be written says so, and the next start writes it', async () => {
  const whole = await readFile(file(), 'utf8');
  await writeFile(file(), 'damaged\n');
  const { errors } = await erase(now, first.admin, '8');
  // A hold of the state that was lost is lost with it.
  expect(errors?.[0]).toMatchObject({ extensions: { code: 'UNAVAILABLE', erasure: expect.any(String) as string } });
  expect(await now.sql("SELECT 1 FROM data.visits WHERE visitor = '8'")).toEqual([]);
  await now.app.close();
  await writeFile(file(), whole);
  await start();
  expect(await lines()).toHaveLength(3);
});
