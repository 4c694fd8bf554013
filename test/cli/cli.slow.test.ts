import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Served } from '../support/served.js';
import { headgate, headgateHere, type Ended, type Options } from './support.js';

let folder: string;
let served: Served;
let env: NodeJS.ProcessEnv;

const ORDERS = 'kind: Dataset\nname: orders\nfields:\n  - { name: id, type: bigint }\n  - { name: fare, type: decimal }\nkey: [id]\n';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-cli-'));
  served = await Served.start();
  env = { HEADGATE_HOME: served.home };
  await writeFile(join(served.home, 'server.json'), JSON.stringify({ url: served.url, pid: process.pid }));
  await writeFile(join(folder, 'orders.yaml'), ORDERS);
  await writeFile(join(folder, 'orders.csv'), 'id,fare\n1,2.50\n2,3\nx,4\n');
});

afterAll(async () => {
  await served.close();
  await rm(folder, { recursive: true, force: true });
});

/** One line with the code, and no stack. */
function expectError({ code, stdout, stderr }: Ended, exit: number, text: RegExp): void {
  expect(stderr).toMatch(text);
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(stdout).toBe('');
  expect(code).toBe(exit);
}

async function ok(args: readonly string[], options: Options = { env }): Promise<string> {
  const ended = await (options.input === undefined ? headgateHere(args, options) : headgate(args, options));
  expect([ended.code, ended.stderr]).toEqual([0, expect.any(String)]);
  return ended.stdout;
}

describe('usage', () => {
  test('a process ends with the code and the line', async () => {
    expectError(await headgate(['nonsense']), 2, /unknown command 'nonsense'/);
  });

  test.each([
    [['nonsense'], /unknown command 'nonsense'/],
    [['ingest', 'orders'], /missing required argument 'files'/],
    [['ingest', 'orders', 'x.csv', '--mode', 'upsert'], /Allowed choices are append, replace, merge/],
    [['serve', '--prot', '1'], /unknown option '--prot'/],
    [['token', 'create'], /required option '--sub/],
    [[], /Usage: headgate/],
  ])('%j is wrong usage', async (args, text) => {
    expectError(await headgateHere(args), 2, text);
  });

  test('every command has help with an example', async () => {
    const help = (await headgateHere(['--help'])).stdout;
    for (const command of ['serve', 'apply', 'export', 'ingest', 'pipeline', 'run', 'quality', 'schema', 'audit', 'token', 'doctor'])
      expect(help).toContain(`\n  ${command}`);
    for (const command of [['serve'], ['ingest'], ['pipeline', 'run'], ['audit', 'verify']])
      expect((await headgateHere([...command, '--help'])).stdout).toMatch(/Examples?:\n {2}headgate /);
  });
});

test('a command in a folder without a home makes none there', async () => {
  const home = join(folder, 'nowhere');
  for (const args of [['ingest', 'orders', join(folder, 'orders.csv')], ['quality', 'check', 'orders'], ['export'], ['audit', 'verify']])
    expectError(await headgateHere(args, { env: { HEADGATE_HOME: home } }), 1, /^NOT_FOUND: There is no Headgate in .*nowhere.*HEADGATE_HOME/);
  expect(await readdir(folder)).not.toContain('nowhere');
});

describe('talking to the running server', () => {
  test('apply, ingest, show, check, export: and applying the export changes nothing', async () => {
    expect(await ok(['apply', join(folder, 'orders.yaml'), '--dry-run'])).toMatch(/\+ Dataset orders[\s\S]*Would be: 1 created.*Nothing was changed/);
    expect(await ok(['apply', join(folder, 'orders.yaml')])).toMatch(/1 created, 0 updated, 0 removed, 0 unchanged/);
    const run = JSON.parse(await ok(['ingest', 'orders', join(folder, 'orders.csv'), '--json'])) as { id: string };
    expect(run).toMatchObject({ status: 'SUCCEEDED', rowsRead: '3', rowsLoaded: '2', rowsQuarantined: '1' });
    expect(await ok(['run', 'show', run.id])).toMatch(/status +SUCCEEDED[\s\S]*3 read, 2 loaded, 1 quarantined/);
    expectError(await headgateHere(['run', 'cancel', run.id], { env }), 1, /^CONFLICT: The run is over/);
    expect(await ok(['run', 'list', '--dataset', 'orders', '--status', 'succeeded'])).toMatch(new RegExp(`^${run.id} +SUCCEEDED +INGESTION +orders +2 rows`));
    const watched = await headgateHere(['run', 'watch', run.id, '--json'], { env });
    expect([JSON.parse(watched.stdout), watched.stderr]).toEqual([expect.objectContaining({ id: run.id }), `${run.id}: SUCCEEDED, 100%\n`]);
    expectError(await headgateHere(['run', 'retry', run.id], { env }), 1, /^CONFLICT: Only a run that failed or was cancelled/);
    expectError(await headgateHere(['run', 'redrive'], { env }), 1, /^BAD_USER_INPUT: Expected at least one of dataset/);
    expect(await ok(['run', 'redrive', '--dataset', 'orders', '--since', '2026-01-01'])).toBe('There are none.\n');
    expect(await ok(['run', 'list', '--dead-letter'])).toBe('There are none.\n');
    expect(await ok(['ingest', 'orders', '-', '--format', 'ndjson', '--mode', 'merge'], { env, input: '{"id":1,"fare":"9"}\n' })).toMatch(/1 read, 1 loaded/);
    expect(await ok(['quality', 'check', 'orders'])).toMatch(/^score /);
    const out = join(folder, 'exported');
    await ok(['export', '--out', out]);
    expect(await readdir(out)).toEqual(['dataset.orders.yaml']);
    expect(await ok(['apply', out])).toMatch(/0 created, 0 updated, 0 removed, 1 unchanged/);
    expect(await ok(['schema', 'print', '--as', 'nobody'])).toContain('type Orders');
    const subgraph = await ok(['schema', 'print', '--as', 'nobody', '--subgraph']);
    expect(subgraph).toMatch(/^extend schema @link[\s\S]*type Orders @key\(fields: "id"\)/);
    expect(subgraph).not.toMatch(/Mutation|AuditEntry/);
    expect(JSON.parse(await ok(['schema', 'print', '--as', 'nobody', '--subgraph', '--json']))).toEqual({ sdl: `${subgraph.trimEnd()}\n` });
  });

  test('the audit is verified and exported', async () => {
    expect(await ok(['audit', 'verify'])).toMatch(/^\d+ entries and \d+ checkpoints are good/);
    const [line] = (await ok(['audit', 'export', '--format', 'ndjson'])).split('\n');
    expect(JSON.parse(line ?? '')).toMatchObject({ seq: '1' });
    const file = join(folder, 'none.ndjson');
    expectError(await headgateHere(['audit', 'verify', '--checkpoints', file], { env }), 1, /^BAD_USER_INPUT: The checkpoints file .* can't be read/);
  });

  test('an entry that was changed by hand is named, with exit code 3', async () => {
    await served.sql("UPDATE headgate.audit_entry SET principal = 'somebody' WHERE seq = 1");
    const ended = await headgate(['audit', 'verify'], { env });
    await served.sql("UPDATE headgate.audit_entry SET principal = 'cli:tampered' WHERE seq = 1");
    expect(ended.code).toBe(3);
    expect(ended.stderr).toMatch(/^DATA_REJECTED: .*1/);
  });

  test('refused data ends with 3, and says where', async () => {
    const file = join(folder, 'ragged.csv');
    await writeFile(file, 'id,fare\n1,2\n1,2,3\n');
    expectError(await headgate(['ingest', 'orders', file], { env }), 3, /^DATA_REJECTED: /);
    const json = await headgateHere(['ingest', 'orders', file, '--json'], { env });
    expect(JSON.parse(json.stderr)).toMatchObject({ error: { code: 'DATA_REJECTED', details: { line: 3 } } });
  });

  test.each([
    [['ingest', 'orders', 'no-such-file.csv'], /^NOT_FOUND: There is no file "no-such-file.csv"/],
    [['ingest', 'orders', '.'], /^BAD_USER_INPUT: Expected rows as|^BAD_USER_INPUT: "\." is a folder/],
    [['ingest', 'orders', 'package.json', '--format', 'csv', '--url', 'http://127.0.0.1:1'], /^UNAVAILABLE: http:\/\/127\.0\.0\.1:1 can't be reached/],
    [['ingest', 'unknown', 'package.json'], /^NOT_FOUND: There is no dataset "unknown"/],
    [['ingest', 'orders', 'http://169.254.169.254/x.csv'], /^BAD_USER_INPUT: .*HEADGATE_OUTBOUND_ALLOW/],
    [['apply', 'no-such-folder'], /^NOT_FOUND: There is no file or folder "no-such-folder"/],
    [['apply', 'test/cli'], /^BAD_USER_INPUT: The folder "test\/cli" holds no manifests/],
    [['pipeline', 'run', 'unknown'], /^NOT_FOUND: There is no pipeline "unknown"/],
    [['run', 'show', 'unknown'], /^NOT_FOUND: There is no run "unknown"/],
    [['quality', 'check', 'unknown'], /^NOT_FOUND: /],
    [['export', '--token', 'a.b.c'], /^UNAUTHENTICATED: /],
    [['export', '--url', 'ftp://x'], /^BAD_USER_INPUT: --url: expected/],
  ])('%j fails in one line', async (args, text) => {
    expectError(await headgateHere(args, { env }), 1, text);
  });

  test('a bad manifest is told with file and line, each problem of it', async () => {
    const file = join(folder, 'bad.yaml');
    await writeFile(file, 'kind: Dataset\nname: bad\nfields:\n  - { name: id, type: string }\n  - { name: x, type: text, tgas: [] }\n');
    const ended = await headgateHere(['apply', file], { env });
    expectError(ended, 1, /bad\.yaml:4:\d+: .*unknown type "string"/);
    expect(ended.stderr).toMatch(/bad\.yaml:5:\d+: .*unknown key "tgas"/);
  });

  test('the doctor tells what it found', async () => {
    expect(await ok(['doctor'])).toMatch(/ok +server +ready/);
  });
});

describe('tokens', () => {
  test('a token is made with the local key, and the server takes it', async () => {
    const token = (
      await ok(['token', 'create', '--sub', 'alice', '--roles', 'a,b', '--claim', 'country=DE', '--claim', 'level=3', '--purpose', 'support', '--ttl', '5m'])
    ).trim();
    const { data } = await served.ask(token, '{ me { sub roles purposes claims } }');
    expect(data).toMatchObject({ me: { sub: 'alice', roles: ['a', 'b'], purposes: ['support'], claims: { country: 'DE', level: 3 } } });
  });

  test.each([
    [['--ttl', 'soon'], {}, /^BAD_USER_INPUT: ttl: expected/],
    [['--claim', 'country'], {}, /^BAD_USER_INPUT: --claim: expected name=value/],
    [['--claim', 'roles=admin'], {}, /^BAD_USER_INPUT: claims: "roles" is reserved/],
    [
      [],
      { HEADGATE_JWKS_URL: 'https://idp.example/jwks', HEADGATE_JWT_ISSUER: 'i', HEADGATE_JWT_AUDIENCE: 'a' },
      /^CONFLICT: An identity provider is configured/,
    ],
    [[], { HEADGATE_MASTER_KEY: 'short' }, /^BAD_USER_INPUT: .*HEADGATE_MASTER_KEY/],
  ])('%j with %j makes none', async (args, more, text) => {
    expectError(await headgateHere(['token', 'create', '--sub', 'x', ...args], { env: { ...env, ...more } }), 1, text);
  });
});

describe('what keeps a server from starting', () => {
  test('a port in use', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    const { user, password, host, port: at, database } = served.connection;
    const DATABASE_URL = `postgres://${user}:${encodeURIComponent(password)}@/${database}?host=${encodeURIComponent(host)}&port=${at}`;
    // Another process of one installation has its key.
    const HEADGATE_MASTER_KEY = (await readFile(join(served.home, 'master.key'), 'utf8')).trim();
    const ended = await headgate(['serve'], { env: { HEADGATE_HOME: join(folder, 'port'), DATABASE_URL, HEADGATE_MASTER_KEY, PORT: String(port) } });
    other.close();
    expectError(ended, 1, new RegExp(`^CONFLICT: Port ${port} is in use`));
  });

  test('a home in use', async () => {
    const home = join(folder, 'locked');
    await mkdir(home);
    const { HomeLock } = await import('../../src/store/index.js');
    const lock = await HomeLock.acquire(home);
    const ended = await headgate(['serve'], { env: { HEADGATE_HOME: home, PORT: '0' } });
    await lock.release();
    expectError(ended, 1, new RegExp(`^CONFLICT: The data directory .* is in use by process ${process.pid}`));
  });

  test.each([
    [{ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/x' }, /^UNAVAILABLE: The database that DATABASE_URL names can't be reached/],
    [{ DATABASE_URL: 'mysql://x' }, /^BAD_USER_INPUT: .*DATABASE_URL/],
    [{ PORT: 'http' }, /^BAD_USER_INPUT: .*PORT/],
    [{ HEADGATE_ROLES: 'boss' }, /^BAD_USER_INPUT: HEADGATE_ROLES: expected gateway, worker/],
  ])('the environment %j', async (more, text) => {
    expectError(await headgateHere(['serve'], { env: { HEADGATE_HOME: join(folder, 'env'), PORT: '0', ...more } }), 1, text);
  });
});
