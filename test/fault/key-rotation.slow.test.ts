import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { KeyRing, wrappedBy } from '../../src/store/index.js';
import { headgate, start } from '../cli/support.js';
import { createTestDatabase } from '../support/database.js';
import { until } from '../support/processes.js';
import { secrets, SECRETS_TABLE } from '../vault/secrets.js';
import { ADMIN, KeyWorld } from '../vault/support.js';

/** All addresses are one, so all hashes of one answer must be too. */
const PEOPLE = `id,email,mail\n${Array.from({ length: 40 }, (_, i) => `${i},same@example.com,same@example.com`).join('\n')}\n`;
const MANIFESTS = `
kind: Dataset
name: people
fields:
  - { name: id, type: bigint, required: true }
  - { name: email, type: text }
  - { name: mail, type: text }
key: [id]
cache: { ttl: 600s }
---
kind: Grant
name: readers
to: { roles: [reader] }
on: { datasets: [people] }
fields: { id: allow, email: { mask: hash, scope: mail }, mail: { mask: hash, scope: mail } }
`;
const QUERY = '{ a: people { nodes { email mail } } b: people(first: 30) { nodes { mail } aggregate { max { email } } } }';
/** How many answers must have begun after the two seconds that are promised. */
const LATE_READS = 20;

interface Server {
  readonly url: string;
  readonly child: ReturnType<typeof start>['child'];
  readonly ended: ReturnType<typeof start>['ended'];
}

interface Seen {
  readonly began: number;
  readonly hashes: readonly string[];
  readonly failure: string | undefined;
}

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let databaseUrl: string;
let folder: string;
let servers: Server[];

beforeEach(async () => {
  database = await createTestDatabase();
  const { user, password, host, port, database: name } = database.connection;
  databaseUrl = `postgres://${user}:${encodeURIComponent(password)}@/${name}?host=${encodeURIComponent(host)}&port=${port}`;
  folder = await mkdtemp(join(tmpdir(), 'headgate-rotation-'));
  servers = [];
});

afterEach(async () => {
  for (const { child, ended } of servers) {
    child.kill('SIGKILL');
    await ended;
  }
  await database.drop();
  await rm(folder, { recursive: true, force: true });
});

async function serve(home: string, more: NodeJS.ProcessEnv = {}): Promise<Server> {
  const { child, ended } = start(['serve', '--port', '0'], { env: { HEADGATE_HOME: home, DATABASE_URL: databaseUrl, LOG_LEVEL: 'warn', ...more } });
  const gone = ended.then(({ stderr }) => stderr);
  let url: string | undefined;
  const look = async (): Promise<boolean> => {
    const text = await readFile(join(home, 'server.json'), 'utf8').catch(() => '{}');
    const found = JSON.parse(text || '{}') as { url?: string; pid?: number };
    if (found.pid === child.pid) ({ url } = found);
    return url !== undefined;
  };
  await Promise.race([until('the server is there', look, 60_000), gone.then((stderr) => Promise.reject(new Error(`the server ended: ${stderr}`)))]);
  const server = { url: url ?? '', child, ended };
  servers.push(server);
  return server;
}

async function stop(server: Server): Promise<void> {
  server.child.kill('SIGTERM');
  await server.ended;
  servers = servers.filter((one) => one !== server);
}

async function command(home: string, args: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<string> {
  console.log('T', args.join(' '), performance.now());
  const { code, stdout, stderr } = await headgate(args, { env: { HEADGATE_HOME: home, DATABASE_URL: databaseUrl, ...more } });
  expect([code, stderr], args.join(' ')).toEqual([0, expect.any(String)]);
  return stdout.trim();
}

async function fill({ url }: Server, admin: string): Promise<void> {
  const authorization = `Bearer ${admin}`;
  const applied = await fetch(`${url}/manifests`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify({ files: [{ file: 'people.yaml', text: MANIFESTS }] }),
  });
  expect(applied.status).toBe(200);
  expect((await fetch(`${url}/ingest/people`, { method: 'POST', headers: { authorization, 'content-type': 'text/csv' }, body: PEOPLE })).status).toBe(200);
}

async function read(url: string, token: string): Promise<Seen> {
  const began = performance.now();
  try {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ query: QUERY }),
    });
    const text = await response.text();
    const failure = response.status !== 200 || text.includes('"errors"') ? text : undefined;
    return { began, hashes: [...new Set(text.match(/[0-9a-f]{64}/g))], failure };
  } catch (error) {
    return { began, hashes: [], failure: String(error) };
  }
}

/** Reads all the time, until it is told to end, and has read some after `began`; gives all that was seen. */
function keepReading(url: string, token: string): (began: number) => Promise<Seen[]> {
  const seen: Seen[] = [];
  let goes = true;
  const loop = async (): Promise<void> => {
    while (goes) seen.push(await read(url, token));
  };
  const loops = [loop(), loop()];
  return async (began) => {
    await until('it was read late enough', async () => seen.filter((one) => one.began > began).length >= LATE_READS);
    goes = false;
    await Promise.all(loops);
    return seen;
  };
}

const kid = (token: string): unknown => (JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as { kid: unknown }).kid;

test.each([
  ['in a file that two processes share', undefined],
  ['in the environment of each process', [randomBytes(32), randomBytes(32)].map((key) => key.toString('base64')).join(',')],
])(
  'a rotation under constant reads, with the keys %s: no request fails, no answer has two keys, all processes change within two seconds',
  { timeout: 400_000 },
  async (_, keys) => {
    const home = join(folder, 'one');
    const env = keys === undefined ? {} : { HEADGATE_MASTER_KEY: keys };
    const one = await serve(home, env);
    const secondHome = keys === undefined ? home : join(folder, 'two');
    const two = await serve(secondHome, env);
    const admin = await command(home, ['token', 'create', '--sub', 'ada', '--roles', 'admin'], env);
    const reader = await command(home, ['token', 'create', '--sub', 'ron', '--roles', 'reader'], env);
    await fill(one, admin);
    await until('both have the dataset', async () =>
      (await Promise.all([one, two].map(({ url }) => read(url, reader)))).every(({ hashes }) => hashes.length === 1),
    );
    const [old] = (await read(one.url, reader)).hashes;

    const ends = [one, two].map(({ url }) => keepReading(url, reader));
    const rotation = JSON.parse(await command(home, ['keys', 'rotate', '--json'], env)) as { from: { id: string }; to: { id: string } };
    const rotated = performance.now();
    const seen = await Promise.all(ends.map((end) => end(rotated + 2_000)));

    const [now] = (await read(two.url, reader)).hashes;
    expect(now).not.toBe(old);
    for (const answers of seen) {
      expect(answers.length).toBeGreaterThan(20);
      expect(answers.flatMap(({ failure }) => failure ?? [])).toEqual([]);
      expect(answers.filter(({ hashes }) => hashes.length !== 1)).toEqual([]);
      expect(new Set(answers.flatMap(({ hashes }) => hashes))).toEqual(new Set([old, now]));
      const late = answers.filter(({ began }) => began > rotated + 2_000);
      expect(late.length).toBeGreaterThanOrEqual(LATE_READS);
      expect(late.filter(({ hashes }) => hashes[0] !== now)).toEqual([]);
      const last = answers.findLast(({ hashes }) => hashes[0] === old);
      console.log(`${answers.length} answers; the last with the old key began ${Math.round((last?.began ?? 0) - rotated)} ms after the command had ended`);
    }

    const fresh = await command(home, ['token', 'create', '--sub', 'rea', '--roles', 'reader'], env);
    expect(kid(fresh)).not.toBe(kid(reader));
    for (const { url } of [one, two]) for (const token of [reader, fresh]) expect(await read(url, token)).toMatchObject({ hashes: [now], failure: undefined });
    const list = JSON.parse(await command(home, ['keys', 'list', '--json'], env)) as { id: string; state: string }[];
    expect(list.map(({ id, state }) => [id, state])).toEqual([
      [rotation.from.id, 'REPLACED'],
      [rotation.to.id, 'ACTIVE'],
    ]);
    expect(await command(home, ['audit', 'verify'], env)).toMatch(/entries and \d+ checkpoints are good/);

    for (const server of [one, two]) await stop(server);
    const again = await serve(home, env);
    expect(await read(again.url, reader)).toMatchObject({ hashes: [now], failure: undefined });
    expect(await command(home, ['audit', 'verify'], env)).toMatch(/entries and [1-9]\d* checkpoints are good/);
  },
);

test(
  'a server that is killed when the new key is in the file and not active yet serves with the old one, and the rotation can be repeated',
  { timeout: 120_000 },
  async () => {
    const home = join(folder, 'one');
    const server = await serve(home);
    const admin = await command(home, ['token', 'create', '--sub', 'ada', '--roles', 'admin']);
    const reader = await command(home, ['token', 'create', '--sub', 'ron', '--roles', 'reader']);
    await fill(server, admin);
    const [old] = (await read(server.url, reader)).hashes;
    const lines = async (): Promise<string[]> => (await readFile(join(home, 'master.key'), 'utf8')).trim().split('\n');

    const client = new pg.Client(database.connection);
    await client.connect();
    try {
      // A checkpoint that is being signed: the rotation waits for its end, with the key in the file already.
      await client.query('SELECT pg_advisory_lock_shared(4830911007)');
      const rotating = headgate(['keys', 'rotate'], { env: { HEADGATE_HOME: home, DATABASE_URL: databaseUrl } });
      const waiting =
        "SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = database WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted";
      await until('it waits', async () => (await lines()).length === 2 && (await client.query(waiting)).rows.length > 0, 30_000);
      server.child.kill('SIGKILL');
      await server.ended;
      expect((await rotating).code).toBe(1);
    } finally {
      await client.end();
    }
    const again = await serve(home);
    expect(await read(again.url, reader)).toMatchObject({ hashes: [old], failure: undefined });
    await command(home, ['keys', 'rotate']);
    expect(await lines()).toHaveLength(2);
    const [now] = (await read(again.url, reader)).hashes;
    expect(now).toMatch(/^[0-9a-f]{64}$/);
    expect(now).not.toBe(old);
    expect(await command(home, ['audit', 'verify'])).toMatch(/are good/);
  },
);

test('what a process that is killed in the middle of wrapping again leaves is readable, and the next one ends it', { timeout: 60_000 }, async () => {
  const world = await KeyWorld.open();
  const client = new pg.Client(world.database.connection);
  await client.connect();
  try {
    const before = await world.process();
    const old = before.keyRing.keyId;
    await world.database.query(SECRETS_TABLE);
    const ids = Array.from({ length: 701 }, (_, i) => `id-${String(i).padStart(4, '0')}`);
    await world.database.query('INSERT INTO work.secret SELECT * FROM unnest($1::text[], $2::bytea[])', [
      ids,
      ids.map((id) => before.keyRing.wrap('test', id, Buffer.from(id))),
    ]);
    await before.close();
    // In the second batch.
    await client.query("BEGIN; SELECT FROM work.secret WHERE id = 'id-0700' FOR UPDATE");
    const hooks = join(import.meta.dirname, '../support/decorators.js');
    const worker = join(import.meta.dirname, 'rotate-worker.ts');
    const child = spawn(process.execPath, ['--import', hooks, worker, JSON.stringify(world.database.connection), world.home]);
    const ended = once(child, 'exit');
    const { value: line } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
    const { to } = JSON.parse(String(line)) as { to: string };
    const count = async (keyId: string): Promise<number> => secrets.count(world.database, keyId);
    await until('one batch is done', async () => (await count(to)) === 500);
    child.kill('SIGKILL');
    await ended;
    expect(await count(old)).toBe(201);
    await client.query('ROLLBACK');

    const readable = async (ring: KeyRing): Promise<number> => {
      const rows = await world.database.query<{ id: string; wrapped: Buffer }>('SELECT id, wrapped FROM work.secret');
      return rows.filter(({ id, wrapped }) => ring.unwrap('test', id, wrapped)?.toString() === id).length;
    };
    expect(await readable(await KeyRing.open(world.home))).toBe(701);
    const next = await world.process({ rewrappers: [secrets] });
    expect(next.keyRing.keyId).toBe(to);
    await until('the rest is done', async () => (await count(to)) === 701);
    expect(await readable(next.keyRing)).toBe(701);
    await world.waitLong();
    expect(await next.keeper.retire(old, ADMIN)).toMatchObject({ state: 'RETIRED' });
    expect((await next.keeper.rotate(ADMIN)).from.id).toBe(to);
    expect(wrappedBy(next.keyRing.wrap('test', 'x', Buffer.from('x')))).toBe(next.keyRing.keyId);
  } finally {
    await client.end();
    await world.close();
  }
});
