import { execFileSync } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { chown, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Database, EmbeddedPostgres } from '../../src/store/index.js';
import { until } from '../support/processes.js';
import { ENGINEER, openService, temporaryHome } from '../ingestion/service.js';

const ROWS = 300_000;

let folder: string;
let server: EmbeddedPostgres;
let it: Awaited<ReturnType<typeof openService>>;
let home: string;
const closers: (() => unknown)[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-server-'));
  closers.push(() => rm(folder, { recursive: true, force: true }));
  server = await EmbeddedPostgres.start({ folder });
  closers.push(() => server.stop('immediate'));
  const temporary = await temporaryHome();
  home = temporary.home;
  closers.push(temporary.remove);
  await (await Database.open({ connection: server.connection, entities: [], statementTimeoutMs: 10_000 })).close();
  it = await openService(server.connection, home);
  closers.push(() => it.close());
  for (const name of ['events', 'logs']) {
    await it.declare({
      name,
      key: ['id'],
      fields: [
        { name: 'id', type: 'bigint' },
        { name: 'note', type: 'text' },
      ],
    });
  }
  const file = createWriteStream(join(home, 'events.csv'));
  file.write('id,note\n');
  for (let i = 0; i < ROWS; i += 1) if (!file.write(`${i},a note of some length about the event with the number ${i}\n`)) await once(file, 'drain');
  file.end();
  await once(file, 'close');
});

afterAll(async () => {
  for (const close of closers.toReversed()) await close();
});

const count = async (name: string) => (await it.database.query<{ n: number }>(`SELECT count(*)::int AS n FROM data.${name}`))[0]?.n;

test(
  'a server that is stopped at once in the middle of a COPY leaves the dataset as it was, and the load is done within 15 s of its return',
  { timeout: 90_000 },
  async () => {
    await it.ingestion.loadNow({ dataset: 'events', source: { content: 'id,note\n-1,before\n' }, format: 'csv', mode: 'append' }, ENGINEER);
    it.keeper.start();
    it.jobs.work('ingestion', it.ingestion.handler);
    const { id } = await it.ingestion.submit({ dataset: 'events', source: 'events.csv', mode: 'merge' }, ENGINEER);
    await until('rows are copied', async () => {
      const copies = await it.database.query('SELECT FROM pg_stat_progress_copy WHERE datname = current_database() AND tuples_processed > 0');
      return copies.length > 0;
    });
    await server.stop('immediate');
    server = await EmbeddedPostgres.start({ folder });
    const from = performance.now();
    await until('the server answers', async () => (await count('events').catch(() => undefined)) !== undefined);
    await until('the run is over', async () => (await it.runs.get(id).catch(() => undefined))?.status === 'SUCCEEDED', 30_000);
    expect(performance.now() - from).toBeLessThan(15_000);
    expect(await it.runs.get(id)).toMatchObject({ rowsRead: `${ROWS}`, rowsLoaded: `${ROWS}` });
    expect(await count('events')).toBe(ROWS + 1);
    expect((await it.entries()).filter(({ details, decision }) => details['run'] === id && decision === 'ALLOWED')).toHaveLength(1);
  },
);

/** A disk of 24 MB; undefined, with why, where none can be had. */
async function smallDisk(): Promise<{ path: string } | { reason: string }> {
  if (process.getuid?.() !== 0) return { reason: 'only root can mount a small disk' };
  const path = await mkdtemp(join(tmpdir(), 'headgate-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', path], { stdio: 'ignore' });
  } catch {
    await rm(path, { recursive: true, force: true });
    return { reason: 'no file system can be mounted here' };
  }
  closers.push(
    () => rm(path, { recursive: true, force: true }),
    () => execFileSync('umount', ['-l', path]),
  );
  return { path };
}

test('where the disk of the database is full, the load says so and changes nothing, and a smaller one goes in', { timeout: 60_000 }, async ({ skip }) => {
  const disk = await smallDisk();
  if ('reason' in disk) return skip(disk.reason);
  const [shown] = await it.database.query<{ data_directory: string }>('SHOW data_directory');
  const { uid, gid } = await stat(shown?.data_directory ?? '');
  await chown(disk.path, uid, gid);
  await it.database.query(`CREATE TABLESPACE small LOCATION '${disk.path}'`);
  await it.database.query('ALTER TABLE data.logs SET TABLESPACE small');
  await it.ingestion.loadNow({ dataset: 'logs', source: { content: 'id,note\n-1,before\n' }, format: 'csv', mode: 'append' }, ENGINEER);

  const refused = it.ingestion.loadNow({ dataset: 'logs', source: { path: join(home, 'events.csv') }, mode: 'append' }, ENGINEER);
  await expect(refused).rejects.toMatchObject({ code: 'UNAVAILABLE', message: expect.stringMatching(/disk of the database is full.*Nothing was changed/) });
  expect(await count('logs')).toBe(1);
  await it.ingestion.loadNow({ dataset: 'logs', source: { content: 'id,note\n1,after\n' }, format: 'csv', mode: 'append' }, ENGINEER);
  expect(await count('logs')).toBe(2);
});

test('where the disk of the home is full, an upload says so and leaves nothing', { timeout: 60_000 }, async ({ skip }) => {
  const disk = await smallDisk();
  if ('reason' in disk) return skip(disk.reason);
  const other = await openService(server.connection, disk.path, 'other');
  try {
    await writeFile(join(disk.path, 'filler'), Buffer.alloc(20 * 1024 * 1024));
    const refused = other.ingestion.loadNow({ dataset: 'logs', source: { path: join(home, 'events.csv') }, mode: 'merge' }, ENGINEER);
    await expect(refused).rejects.toMatchObject({ code: 'UNAVAILABLE', message: expect.stringMatching(/HEADGATE_HOME is full.*Nothing was changed/) });
    await rm(join(disk.path, 'filler'));
    const { id } = await other.ingestion.loadNow({ dataset: 'logs', source: { content: 'id,note\n2,after\n' }, format: 'csv', mode: 'append' }, ENGINEER);
    expect(await other.runs.get(id)).toMatchObject({ status: 'SUCCEEDED' });
  } finally {
    await other.close();
  }
});
