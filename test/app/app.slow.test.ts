import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { startApp } from '../../src/app.js';
import { loadConfig } from '../../src/config/index.js';
import { HomeLock } from '../../src/store/index.js';
import { createTestDatabase } from '../support/database.js';
import { processesIn, until } from '../support/processes.js';
import { Served } from '../support/served.js';

const ORDERS = 'kind: Dataset\nname: orders\nfields: [{ name: id, type: bigint }]\nkey: [id]\n';
const APPLY = 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }';

async function withHome(work: (home: string) => Promise<void>): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), 'headgate-app-'));
  try {
    await work(home);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

test('on the embedded database it starts, closes with all sealed and signed, and finds its data again', async () => {
  await withHome(async (home) => {
    const config = loadConfig({ HEADGATE_HOME: home, PORT: '0', LOG_LEVEL: 'silent' });
    const first = await startApp(config);
    expect(await (await fetch(`${first.url}/readyz`)).json()).toMatchObject({ status: 'ready' });
    await fetch(`${first.url}/graphql?query={me{sub}}`, { headers: { authorization: 'Bearer a.b.c' } });
    await expect(startApp(config)).rejects.toMatchObject({ code: 'CONFLICT' });
    await first.close();
    await first.close();
    expect(await HomeLock.holder(home)).toBeUndefined();
    expect(processesIn(join(home, 'postgres', 'pgdata'))).toEqual([]);
    const [checkpoint] = (await readFile(join(home, 'audit-checkpoints.ndjson'), 'utf8')).trim().split('\n');
    expect(JSON.parse(checkpoint ?? '')).toMatchObject({ seq: '1' });

    const second = await startApp(config);
    expect(await (await fetch(`${second.url}/healthz`)).json()).toEqual({ status: 'ok' });
    await second.close();
  });
});

test('a port in use leaves nothing open', async () => {
  const served = await Served.start();
  await withHome(async (home) => {
    const { port } = new URL(served.url);
    await expect(startApp(loadConfig({ HEADGATE_HOME: home, PORT: port, LOG_LEVEL: 'silent' }))).rejects.toMatchObject({
      code: 'CONFLICT',
      message: expect.stringContaining(`Port ${port} is in use`) as string,
    });
    expect(await HomeLock.holder(home)).toBeUndefined();
    expect(processesIn(join(home, 'postgres', 'pgdata'))).toEqual([]);
  });
  await served.close();
});

test('a load that runs when the process stops is finished and answered', async () => {
  const served = await Served.start();
  const admin = await served.token('ada', ['admin']);
  await served.ask(admin, APPLY, { m: ORDERS });
  const upload = request(`${served.url}/ingest/orders`, { method: 'POST', headers: { 'content-type': 'text/csv', authorization: `Bearer ${admin}` } });
  const answered = new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
    upload.on('response', (response) => void text(response).then((body) => resolve({ status: response.statusCode, body }), reject));
    upload.on('error', reject);
  });
  upload.write('id\n1\n');
  await until('the run has begun', async () => (await served.sql('SELECT 1 FROM headgate.run')).length === 1);
  const closed = served.app.close();
  await until('no new connection is taken', async () =>
    fetch(`${served.url}/healthz`).then(
      () => false,
      () => true,
    ),
  );
  upload.end('2\n');
  const { status, body } = await answered;
  expect([status, JSON.parse(body)]).toEqual([200, expect.objectContaining({ status: 'SUCCEEDED', rowsLoaded: '2' })]);
  await closed;
  expect(await served.sql('SELECT count(*)::int AS n FROM data.orders')).toEqual([{ n: 2 }]);
  await served.close();
});

test('a worker without a gateway does what a gateway without a worker has queued', async () => {
  const { connection, drop } = await createTestDatabase();
  const { user, password, host, port, database } = connection;
  const DATABASE_URL = `postgres://${user}:${encodeURIComponent(password)}@/${database}?host=${encodeURIComponent(host)}&port=${port}`;
  const served = await Served.start({ DATABASE_URL, HEADGATE_ROLES: 'gateway' });
  await withHome(async (home) => {
    const admin = await served.token('ada', ['admin']);
    await served.ask(admin, APPLY, { m: ORDERS });
    const { data } = await served.ask<{ ingest: { id: string; status: string } }>(
      admin,
      'mutation { ingest(input: { dataset: "orders", content: "id\\n1\\n", format: csv }) { id status } }',
    );
    expect(data.ingest.status).toBe('QUEUED');
    // One installation: the key is the same.
    const HEADGATE_MASTER_KEY = (await readFile(join(served.home, 'master.key'), 'utf8')).trim();
    const worker = await startApp(loadConfig({ HEADGATE_HOME: home, DATABASE_URL, HEADGATE_MASTER_KEY, HEADGATE_ROLES: 'worker', LOG_LEVEL: 'silent' }));
    expect(worker.url).toBeUndefined();
    await until('the run has succeeded', async () => {
      const answer = await served.ask<{ run: { status: string } }>(admin, 'query ($id: ID!) { run(id: $id) { status } }', { id: data.ingest.id });
      return answer.data.run.status === 'SUCCEEDED';
    });
    await worker.close();
  });
  await served.close();
  await drop();
});

test('a certificate that is none is refused, and it says which variables are at fault', async () => {
  await withHome(async (home) => {
    const file = join(home, 'no-certificate.pem');
    await writeFile(file, 'id,fare\n1,2\n');
    const { connection, drop } = await createTestDatabase();
    const { user, password, host, port, database } = connection;
    const DATABASE_URL = `postgres://${user}:${encodeURIComponent(password)}@/${database}?host=${encodeURIComponent(host)}&port=${port}`;
    const env = { HEADGATE_HOME: home, DATABASE_URL, PORT: '0', LOG_LEVEL: 'silent' };
    for (const certificate of [file, join(home, 'missing.pem')]) {
      await expect(startApp(loadConfig({ ...env, HEADGATE_TLS_CERT: certificate, HEADGATE_TLS_KEY: file }))).rejects.toMatchObject({
        code: 'BAD_USER_INPUT',
        message: expect.stringContaining('HEADGATE_TLS_CERT') as string,
      });
    }
    await drop();
  });
});
