import { readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunEntity } from '../../src/lifecycle/index.js';
import { createTestDatabase } from '../support/database.js';
import { until } from '../support/processes.js';
import { ENGINEER, openService, temporaryHome } from './service.js';

let it: Awaited<ReturnType<typeof openService>>;
let home: string;
const closers: (() => Promise<void>)[] = [];

beforeAll(async () => {
  const { connection, drop } = await createTestDatabase();
  const temporary = await temporaryHome();
  home = temporary.home;
  it = await openService(connection, home);
  closers.push(it.close, drop, temporary.remove);
  await it.declare({
    name: 'orders',
    key: ['id'],
    maxQuarantine: 2,
    fields: [
      { name: 'id', type: 'bigint' },
      { name: 'fare', type: 'decimal', rules: [{ between: ['0', '1000'] }] },
    ],
  });
});

afterAll(async () => {
  for (const close of closers) await close();
});

const counts = ({ status, rowsRead, rowsLoaded, rowsQuarantined, rowsDeduplicated }: RunEntity) => [
  status,
  +rowsRead,
  +rowsLoaded,
  +rowsQuarantined,
  +rowsDeduplicated,
];

test('a load ends with its run, its audit entry, the stage and the counts of the dataset together', async () => {
  const run = await it.ingestion.loadNow({ dataset: 'orders', source: { content: 'id,fare\n1,5\n2,-1\n' }, format: 'csv' }, ENGINEER);
  expect(counts(run)).toEqual(['SUCCEEDED', 2, 1, 1, 0]);
  expect(await it.entries()).toMatchObject([{ principal: ENGINEER.subject, decision: 'ALLOWED', rows: 1, details: { run: run.id, mode: 'append' } }]);
  const [dataset] = await it.database.query(
    "SELECT stage, data_version::int, row_count::int, loaded_at IS NOT NULL AS loaded FROM headgate.dataset WHERE name = 'orders'",
  );
  expect(dataset).toEqual({ stage: 'ACCESS', data_version: 1, row_count: 1, loaded: true });
  expect(await readdir(join(home, 'spool'))).toEqual([]);
});

test('more bad rows than maxQuarantine refuse the load, with examples and without values', async () => {
  const bad = it.ingestion.loadNow({ dataset: 'orders', source: { content: 'id,fare\n7,1\n3,-1\n4,secret\n5,-1\n' }, format: 'csv' }, ENGINEER);
  await expect(bad).rejects.toMatchObject({
    code: 'DATA_REJECTED',
    details: {
      actual: 3,
      examples: [
        { line: 3, field: 'fare', rule: 'between' },
        { line: 4, field: 'fare', rule: 'type' },
        { line: 5, field: 'fare', rule: 'between' },
      ],
    },
  });
  const {
    runs: [run],
  } = {
    runs: await it.database.query<{ error_code: string; error_details: object }>("SELECT error_code, error_details FROM headgate.run WHERE status = 'FAILED'"),
  };
  expect(run?.error_code).toBe('DATA_REJECTED');
  expect(JSON.stringify(run)).not.toContain('secret');
  expect((await it.entries()).at(-1)).toMatchObject({ decision: 'FAILED', details: { code: 'DATA_REJECTED' } });
  expect(await it.database.query('SELECT id FROM data.orders WHERE id = 7')).toEqual([]);
});

test('an idempotency key gives the first run again, and refuses other content', async () => {
  const request = { dataset: 'orders', format: 'csv', idempotencyKey: 'k1' };
  const first = await it.ingestion.loadNow({ ...request, source: { content: 'id,fare\n10,5\n' } }, ENGINEER);
  expect(await it.ingestion.loadNow({ ...request, source: { content: 'id,fare\n10,5\n' } }, ENGINEER)).toEqual(first);
  await expect(it.ingestion.loadNow({ ...request, source: { content: 'id,fare\n11,5\n' } }, ENGINEER)).rejects.toMatchObject({ code: 'CONFLICT' });
  expect(await it.database.query('SELECT id FROM data.orders WHERE id IN (10, 11)')).toEqual([{ id: '10' }]);
});

test('an aborted upload leaves a failed run and nothing else', async () => {
  const stop = new AbortController();
  const endless = new Readable({ read() {} });
  endless.push('id,fare\n12,5\n');
  const loading = it.ingestion.loadNow({ dataset: 'orders', source: { stream: endless }, format: 'csv', signal: stop.signal }, ENGINEER);
  await until('the upload is spooled', async () => (await readdir(join(home, 'spool'))).length === 1);
  stop.abort(new Error('gone'));
  await expect(loading).rejects.toThrow('gone');
  expect(await readdir(join(home, 'spool'))).toEqual([]);
  expect(await it.database.query("SELECT id FROM headgate.run WHERE status = 'RUNNING'")).toEqual([]);
});

test('a queued load is done by a worker, from content and from a file below the folder', async () => {
  it.jobs.work('ingestion', it.ingestion.handler);
  await writeFile(join(home, 'more.csv'), 'id,fare\n21,1\n');
  const byContent = await it.ingestion.submit({ dataset: 'orders', content: '[{"id": 20, "fare": 3}]', format: 'json' }, ENGINEER);
  const byFile = await it.ingestion.submit({ dataset: 'orders', source: 'more.csv' }, ENGINEER);
  expect([byContent.status, byFile.status]).toEqual(['QUEUED', 'QUEUED']);
  for (const { id } of [byContent, byFile]) {
    await until('the run is over', async () => (await it.runs.get(id)).status !== 'QUEUED' && (await it.runs.get(id)).status !== 'RUNNING');
    expect(counts(await it.runs.get(id))).toEqual(['SUCCEEDED', 1, 1, 0, 0]);
  }
  expect(await it.database.query('SELECT run_id FROM headgate.run_content')).toEqual([]);
  expect((await it.entries()).at(-1)).toMatchObject({ principal: ENGINEER.subject, decision: 'ALLOWED' });
});

test.each([
  [{ dataset: 'nothing', content: '' }, 'NOT_FOUND'],
  [{ dataset: 'orders' }, 'BAD_USER_INPUT'],
  [{ dataset: 'orders', content: 'id\n', source: 'x.csv' }, 'BAD_USER_INPUT'],
  [{ dataset: 'orders', content: 'id\n' }, 'BAD_USER_INPUT'],
  [{ dataset: 'orders', content: 'id\n', format: 'csv', mode: 'upsert' }, 'BAD_USER_INPUT'],
  [{ dataset: 'orders', source: 'none.csv' }, 'NOT_FOUND'],
  [{ dataset: 'orders', source: 'link.csv' }, 'NOT_FOUND'],
])('a queued load that can not work is refused at once: %j', async (input, code) => {
  await symlink('/etc/passwd', join(home, 'link.csv')).catch(() => undefined);
  await expect(it.ingestion.submit(input, ENGINEER)).rejects.toMatchObject({ code });
});
