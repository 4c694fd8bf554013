import { readdir, readFile, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHmac } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApp, type App } from '../../src/app.js';
import { loadConfig } from '../../src/config/index.js';
import { createToken } from '../../src/identity/index.js';
import { createLog } from '../../src/kernel/index.js';
import { until } from '../support/processes.js';
import { MANIFESTS } from './manifests.js';

/** The whole program on a PostgreSQL of its own, of which all files are looked through. */
let app: App;
let home: string;
let url: string;
const tokens = new Map<string, string>();
const logged: string[] = [];
/** While the spool is written, what is in it at that moment. */
const spooled: Buffer[] = [];
let watching: NodeJS.Timeout;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'headgate-nowhere-'));
  const log = createLog('debug');
  for (const level of ['debug', 'info', 'warn', 'error'] as const) {
    log[level] = ((...given: unknown[]) =>
      logged.push(given.map((part) => (part instanceof Error ? (part.stack ?? '') : (JSON.stringify(part) ?? ''))).join(' '))) as never;
  }
  app = await startApp(loadConfig({ HEADGATE_HOME: home, HEADGATE_FILES: home, PORT: '0', LOG_LEVEL: 'debug', HEADGATE_SECRET_CLINIC: 'clinic' }), { log });
  url = app.url ?? '';
  for (const role of ['admin', 'doctor', 'engineer'])
    tokens.set(role, (await createToken(app.keyRing, { subject: role, roles: [role], ttlSeconds: 900 })).token);
  watching = setInterval(() => void spoolNow(), 5);
});
afterAll(async () => {
  clearInterval(watching);
  await app?.close();
  await rm(home, { recursive: true, force: true });
});

async function spoolNow(): Promise<void> {
  const folder = join(home, 'spool');
  for (const name of await readdir(folder).catch(() => [])) spooled.push(await readFile(join(folder, name)).catch(() => Buffer.alloc(0)));
}

async function ask(role: string, query: string, variables: Record<string, unknown> = {}) {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${tokens.get(role)}` },
    body: JSON.stringify({ query, variables }),
  });
  return (await response.json()) as { data: Record<string, never>; errors?: unknown };
}

async function upload(content: string | Uint8Array<ArrayBuffer>, type: string, more: Record<string, string> = {}, query = '') {
  const response = await fetch(`${url}/ingest/patients${query}`, {
    method: 'POST',
    headers: { 'content-type': type, authorization: `Bearer ${tokens.get('admin')}`, ...more },
    body: content,
  });
  return { status: response.status, text: await response.text() };
}

const EVENTS = `
kind: Source
name: clinic
type: events
signature: { secrets: ['\${HEADGATE_SECRET_CLINIC}'] }
---
kind: Collector
name: clinic_patients
source: clinic
dataset: patients
batch: { wait: 20ms }
`;

async function send(body: string, key: string): Promise<void> {
  const time = String(Math.floor(Date.now() / 1000));
  const signature = createHmac('sha256', 'clinic').update(`${time}.${body}`).digest('hex');
  const headers = { 'content-type': 'application/json', 'x-timestamp': time, 'x-signature': `sha256=${signature}`, 'idempotency-key': key };
  const response = await fetch(`${url}/events/clinic`, { method: 'POST', headers, body });
  if (response.status !== 202) throw new Error(String(response.status));
}

/** All files below a folder. */
async function filesBelow(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  const paths = names.map((name) => join(folder, name));
  const kinds = await Promise.all(paths.map(async (path) => (await stat(path).catch(() => undefined))?.isFile() === true));
  return paths.filter((_, i) => kinds[i]);
}

/** A value as it could be written: raw, in other encodings, in base64 at each of its three places. */
function formsOf(value: string): Buffer[] {
  const utf8 = Buffer.from(value);
  const base64 = [0, 1, 2].map((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), utf8]).toString('base64');
    // Without the characters that also hold bits of what is beside it.
    return text.slice(Math.ceil((shift * 8) / 6) + 1, Math.floor(((shift + utf8.length) * 8) / 6) - 1);
  });
  return [
    utf8,
    Buffer.from(value, 'utf16le'),
    Buffer.from(value, 'utf16le').swap16(),
    Buffer.from(utf8.toString('hex')),
    Buffer.from(utf8.toString('hex').toUpperCase()),
    ...base64.flatMap((text) => [Buffer.from(text), Buffer.from(text.replaceAll('+', '-').replaceAll('/', '_'))]),
  ];
}

async function foundIn(values: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  const forms = values.flatMap((value) => formsOf(value).map((form) => ({ value, form })));
  const look = (where: string, bytes: Buffer) => {
    for (const { value, form } of forms) if (bytes.includes(form)) found.push(`${value} in ${where}`);
  };
  for (const path of await filesBelow(home)) look(path, await readFile(path).catch(() => Buffer.alloc(0)));
  spooled.forEach((bytes) => look('the spool', bytes));
  look('the log of the program', Buffer.from(logged.join('\n')));
  return found;
}

const HEAD = 'id,person,national_id,note,country,free\n';
const CANARIES = [
  'CSV',
  'GZIP',
  'NDJSON',
  'JSON',
  'INLINE',
  'BADROW',
  'LASTROW',
  'REFUSED',
  'RAGGED',
  'NOTE',
  'FILTER',
  'INLIST',
  'MERGED',
  'RAGJSON',
  'EVENT',
  'EVENTKEY',
  'BADEVENT',
  'TEXTEVENT',
  'PARQUET',
  'BADPARQUET',
  'NOPARQUET',
].map((name) => `canary-${name}-9d3f`);
const canary = (name: string): string => {
  const value = `canary-${name}-9d3f`;
  if (!CANARIES.includes(value)) throw new Error(`${name} is not looked for`);
  return value;
};

test('what is encrypted is in no file, no log and no spool, whatever is done with it', async () => {
  expect((await ask('admin', 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: MANIFESTS })).errors).toBeUndefined();
  const owner = new pg.Client(await connectionOf());
  await owner.connect();
  // All that the server can be told to log.
  for (const setting of [
    "wal_compression = 'off'",
    "log_statement = 'all'",
    "log_min_messages = 'debug1'",
    'log_min_duration_statement = 0',
    'log_parameter_max_length = -1',
    'log_parameter_max_length_on_error = -1',
    "log_error_verbosity = 'verbose'",
  ])
    await owner.query(`ALTER SYSTEM SET ${setting}`);
  await owner.query('SELECT pg_reload_conf()');

  const many = Array.from({ length: 3_000 }, (_, i) => `${1000 + i},p${i},${canary('CSV')}-${i},${canary('NOTE')},DE,\n`).join('');
  expect((await upload(HEAD + many, 'text/csv')).status).toBe(200);
  expect(
    (
      await upload(gzipSync(`${HEAD}1,anna,${canary('GZIP')},,DE,visible-marker-in-a-plain-field\n`) as Uint8Array<ArrayBuffer>, 'text/csv', {
        'content-encoding': 'gzip',
      })
    ).status,
  ).toBe(200);
  expect(
    (
      await upload(
        `{"id":2,"person":"bert","national_id":"${canary('NDJSON')}"}\n{"id":"no","person":"x","national_id":"${canary('BADROW')}"}\n`,
        'application/x-ndjson',
      )
    ).status,
  ).toBe(200);
  expect((await upload(JSON.stringify([{ id: 3, person: 'carla', national_id: canary('JSON') }]), 'application/json')).status).toBe(200);
  expect((await upload(`${HEAD}no,dora,${canary('BADROW')},x,DE,\n4,,${canary('LASTROW')},,,\n`, 'text/csv')).status).toBe(200);
  expect((await upload(`${HEAD}1,anna,${canary('MERGED')},,DE,\n`, 'text/csv', {}, '?mode=merge')).status).toBe(200);
  const parquet = await upload(
    parquetOf([
      ['7', 'frida', canary('PARQUET')],
      ['no', 'gina', canary('BADPARQUET')],
    ]),
    'application/vnd.apache.parquet',
  );
  expect(parquet).toMatchObject({ status: 200, text: expect.stringContaining('"rowsQuarantined":"1"') });
  const refused = [
    await upload(parquetOf([['8', 'h', canary('NOPARQUET')]]).subarray(0, -1), 'application/vnd.apache.parquet'),
    await upload(`${HEAD}5,e,"${canary('REFUSED')}"x,,,\n`, 'text/csv'),
    await upload(`${HEAD}5,e,${canary('RAGGED')}\n`, 'text/csv'),
    await upload(`{"id":6,"national_id":"${canary('RAGJSON')}"\n`, 'application/x-ndjson'),
    await upload(`[{"id":6,"national_idd":"${canary('RAGJSON')}"}]`, 'application/json'),
  ];
  for (const { status, text } of refused) {
    expect(status).toBe(422);
    expect(text).not.toContain('canary');
  }
  const content = `id,secret\n1,${canary('INLINE')}\n`;
  const inline = await ask('admin', 'mutation ($c: String!) { ingest(input: { dataset: "machines", content: $c, format: csv }) { id } }', { c: content });
  expect(inline.errors).toBeUndefined();
  await until('the inline content is loaded', async () => ((await owner.query('SELECT 1 FROM data.machines')).rowCount ?? 0) > 0);

  expect((await ask('admin', 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: EVENTS })).errors).toBeUndefined();
  await send(`{"id":70,"person":"emma","national_id":"${canary('EVENT')}"}`, canary('EVENTKEY'));
  await send(`{"id":71,"person":"fred","national_id":"x","other":"${canary('BADEVENT')}"}`, '1');
  await send(JSON.stringify(canary('TEXTEVENT')), '2');
  await until(
    'the events are loaded',
    async () => (await owner.query('SELECT 1 FROM data.patients WHERE id = 70 AND NOT EXISTS (SELECT FROM headgate.inbox)')).rowCount === 1,
  );

  const filtered = await ask('doctor', 'query ($w: PatientsWhere) { patients(where: $w) { nodes { id nationalId } } }', {
    w: { or: [{ nationalId: { eq: canary('FILTER') } }, { nationalId: { in: [canary('INLIST'), canary('JSON')] } }] },
  });
  expect(filtered).toEqual({ data: { patients: { nodes: [{ id: 3, nationalId: canary('JSON') }] } } });
  for (const format of ['csv', 'ndjson', 'json', 'parquet']) {
    const where = encodeURIComponent(JSON.stringify({ nationalId: { in: [canary('FILTER'), canary('NDJSON')] } }));
    const file = await fetch(`${url}/export/patients?format=${format}&where=${where}`, { headers: { authorization: `Bearer ${tokens.get('doctor')}` } });
    expect(Buffer.from(await file.arrayBuffer()).includes(canary('NDJSON'))).toBe(true);
  }
  expect(JSON.stringify(await ask('doctor', '{ patients(where: { id: { eq: 7 } }) { nodes { nationalId } } }'))).toContain(canary('PARQUET'));
  const quarantine = await ask('doctor', '{ quarantine(dataset: "patients") { nodes { raw } } }');
  expect(JSON.stringify(quarantine)).toContain(canary('BADROW'));
  expect(JSON.stringify(quarantine)).toContain(canary('BADPARQUET'));

  await ask('doctor', '{ patients(where: { country: { eq: "visible-operand-of-a-plain-field" } }) { nodes { id } } }');
  await owner.query('CHECKPOINT');
  await owner.end();
  expect(spooled.some((bytes) => bytes.length > 0)).toBe(true);
  // The search itself finds what is there: in tables or the WAL, and in the server's log.
  const seen = await foundIn(['visible-marker-in-a-plain-field']);
  expect(seen.some((where) => where.includes('pgdata'))).toBe(true);
  expect((await foundIn(['visible-operand-of-a-plain-field'])).some((where) => where.endsWith('postgres.log'))).toBe(true);
  expect(await foundIn(CANARIES)).toEqual([]);
}, 120_000);

/** Patients as a Parquet file, plain within: it is packed with nothing, and each value stands there as it is. */
function parquetOf(patients: readonly (readonly [id: string, person: string, nationalId: string])[]): Uint8Array<ArrayBuffer> {
  const column = (name: string, data: (string | null)[]) => ({ name, data, type: 'STRING' as const });
  const file = parquetWriteBuffer({
    codec: 'UNCOMPRESSED',
    columnData: [
      column(
        'id',
        patients.map(([id]) => id),
      ),
      column(
        'person',
        patients.map(([, person]) => person),
      ),
      column(
        'national_id',
        patients.map(([, , nationalId]) => nationalId),
      ),
      ...['note', 'country', 'free'].map((name) =>
        column(
          name,
          patients.map(() => null),
        ),
      ),
    ],
  });
  return new Uint8Array(file);
}

/** The embedded server, as its owner. */
async function connectionOf(): Promise<pg.ClientConfig> {
  const [, , , port, socket = ''] = (await readFile(join(home, 'postgres/pgdata/postmaster.pid'), 'utf8')).split('\n');
  const password = (await readFile(join(home, 'postgres/postgres.password'), 'utf8')).trim();
  return { host: socket, port: Number(port), user: 'headgate', database: 'headgate', password };
}
