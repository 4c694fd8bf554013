import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Served } from '../support/served.js';
import { until } from '../support/processes.js';

const MANIFESTS = `
kind: Dataset
name: orders
fields:
  - { name: id, type: bigint }
  - { name: fare, type: decimal, rules: [{ between: [0, 100] }] }
key: [id]
---
kind: Dataset
name: strict
maxQuarantine: 0
fields: [{ name: id, type: bigint }]
---
kind: Dataset
name: hidden
visibility: secret
fields: [{ name: id, type: bigint }]
---
kind: Grant
name: feeders
to: { roles: [feeder] }
on: { datasets: [orders] }
rights: [ingest]
fields: { id: allow }
`;

interface RunBody {
  readonly id: string;
  readonly status: string;
  readonly dataset: string;
  readonly rowsRead: string;
  readonly rowsLoaded: string;
  readonly rowsQuarantined: string;
  readonly rowsDeduplicated: string;
}

let served: Served;
let engineer: string;

beforeAll(async () => {
  served = await Served.start();
  const admin = await served.token('ada', ['admin']);
  engineer = await served.token('eve', ['engineer']);
  await served.ask(admin, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: MANIFESTS });
});

afterAll(() => served.close());

async function problem(response: Response): Promise<{ status: number; code: string; [key: string]: unknown }> {
  expect(response.headers.get('content-type')).toContain('application/problem+json');
  return (await response.json()) as never;
}

test('the run that is answered says what became of the rows, and they can be read at once', async () => {
  const response = await served.upload(engineer, 'orders', 'id,fare\n1,2.50\n2,3\nx,4\n3,500\n');
  expect(response.status).toBe(200);
  const run = (await response.json()) as RunBody;
  expect(run).toMatchObject({ status: 'SUCCEEDED', dataset: 'orders', rowsRead: '4', rowsLoaded: '2', rowsQuarantined: '2', rowsDeduplicated: '0' });
  const { data } = await served.ask(engineer, 'query ($id: ID!) { run(id: $id) { status requestedBy rowsLoaded } }', { id: run.id });
  expect(data).toEqual({ run: { status: 'SUCCEEDED', requestedBy: 'eve', rowsLoaded: '2' } });
});

test('a key loads once, and gzip is unpacked', async () => {
  const body = new Uint8Array(gzipSync('{"id":10,"fare":"1.00"}\n{"id":11,"fare":"2.00"}\n'));
  const headers = { 'content-type': 'application/x-ndjson', 'content-encoding': 'gzip', 'idempotency-key': 'k1' };
  const [first, second] = [await served.upload(engineer, 'orders', body, headers), await served.upload(engineer, 'orders', body, headers)];
  const [one, two] = [(await first.json()) as RunBody, (await second.json()) as RunBody];
  expect(one.rowsLoaded).toBe('2');
  expect(two.id).toBe(one.id);
});

test('a grant with the right ingest is enough, any other is not, and a refusal is on the record', async () => {
  const feeder = await served.token('fay', ['feeder']);
  expect((await served.upload(feeder, 'orders', 'id,fare\n20,1\n')).status).toBe(200);
  const other = await served.token('otto', ['other']);
  expect(await problem(await served.upload(other, 'orders', 'id,fare\n21,1\n'))).toMatchObject({ status: 403, code: 'FORBIDDEN' });
  expect(await problem(await served.upload(null, 'orders', 'id,fare\n21,1\n'))).toMatchObject({ status: 401, code: 'UNAUTHENTICATED' });
  const auditor = await served.token('amy', ['auditor']);
  const { data } = await served.ask(auditor, '{ auditEntries(first: 2, where: { action: "ingest", decision: DENIED }) { nodes { principal dataset } } }');
  expect(data).toEqual({
    auditEntries: {
      nodes: [
        { principal: 'anonymous', dataset: 'orders' },
        { principal: 'otto', dataset: 'orders' },
      ],
    },
  });
});

test('a run is shown to who sent it, and to no API key made under the same subject', async () => {
  const admin = await served.token('ada', ['admin']);
  const keyFor = async (subject: string) =>
    (
      await served.ask<{ createApiKey: { secret: string } }>(admin, 'mutation ($input: ApiKeyInput!) { createApiKey(input: $input) { secret } }', {
        input: { name: subject, subject, roles: ['feeder'] },
      })
    ).data.createApiKey.secret;
  const [key, twin] = [await keyFor('fay'), await keyFor('fay')];
  const token = { authorization: `Bearer ${await served.token('fay', ['feeder'])}` };
  const renewed = { authorization: `Bearer ${await served.token('fay', ['feeder'])}` };
  const send = async (headers: Record<string, string>) => ((await (await served.upload(null, 'orders', 'id,fare\n30,1\n', headers)).json()) as RunBody).id;
  const isShown = async (headers: Record<string, string>, id: string) => {
    const response = await fetch(`${served.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ query: 'query ($id: ID!) { run(id: $id) { id } }', variables: { id } }),
    });
    return ((await response.json()) as { data: { run: unknown } }).data.run !== null;
  };
  const byToken = await send(token);
  const byKey = await send({ 'x-api-key': key });
  const askers = [token, renewed, { 'x-api-key': key }, { 'x-api-key': twin }];
  const shown = (id: string) => Promise.all(askers.map((headers) => isShown(headers, id)));
  expect(await shown(byToken)).toEqual([true, true, false, false]);
  expect(await shown(byKey)).toEqual([false, false, true, false]);
  expect(await isShown({ authorization: `Bearer ${engineer}` }, byKey)).toBe(true);
});

test('a secret dataset and one that never was are refused in the same words', async () => {
  const other = await served.token('otto', ['other']);
  const of = async (name: string) => JSON.stringify(await problem(await served.upload(other, name, 'id\n1\n'))).replaceAll(name, 'X');
  expect(await of('hidden')).toBe(await of('missing'));
  expect((await served.upload(engineer, 'hidden', 'id\n1\n')).status).toBe(200);
});

test.each([
  ['a missing column', 'orders', 'id\n1\n', {}, '', 422, 'DATA_REJECTED'],
  ['a ragged line', 'orders', 'id,fare\n1,2,3\n', {}, '', 422, 'DATA_REJECTED'],
  ['a file without rows or header', 'orders', '', {}, '', 422, 'DATA_REJECTED'],
  ['half a gzip', 'orders', new Uint8Array(gzipSync(randomBytes(5000)).subarray(0, 2000)), { 'content-encoding': 'gzip' }, '', 422, 'DATA_REJECTED'],
  ['more bad rows than allowed', 'strict', 'id\nx\n', {}, '', 422, 'DATA_REJECTED'],
  ['an unknown mode', 'orders', 'id,fare\n', {}, '?mode=upsert', 400, 'BAD_USER_INPUT'],
  ['an unknown parameter', 'orders', 'id,fare\n', {}, '?moed=append', 400, 'BAD_USER_INPUT'],
  ['an unknown format', 'orders', 'id,fare\n', {}, '?format=xls', 400, 'BAD_USER_INPUT'],
  ['an unknown content type', 'orders', 'id,fare\n', { 'content-type': 'image/png' }, '', 400, 'BAD_USER_INPUT'],
  ['an unknown encoding', 'orders', 'id,fare\n', { 'content-encoding': 'br' }, '', 400, 'BAD_USER_INPUT'],
] as const)('%s is refused, and nothing is changed', async (_what, dataset, body, headers, query, status, code) => {
  const rows = async () => served.sql(`SELECT count(*) FROM data.${dataset}`);
  const before = await rows();
  expect(await problem(await served.upload(engineer, dataset, body, headers, query))).toMatchObject({ status, code });
  expect(await rows()).toEqual(before);
});

test('a bad line is told with its number', async () => {
  expect(await problem(await served.upload(engineer, 'orders', 'id,fare\n1,2\n2,"3\n'))).toMatchObject({ code: 'DATA_REJECTED', line: 3 });
});

test('a sender that goes away leaves nothing behind', async () => {
  const upload = request(`${served.url}/ingest/orders`, {
    method: 'POST',
    headers: { 'content-type': 'text/csv', authorization: `Bearer ${engineer}`, 'idempotency-key': 'gone' },
  });
  upload.on('error', () => undefined);
  upload.write('id,fare\n');
  const state = async () => (await served.sql("SELECT status FROM headgate.run WHERE idempotency_key = 'gone'")) as { status: string }[];
  await until('the run has begun', async () => (await state()).length === 1);
  upload.destroy();
  await until('the run has failed', async () => (await state())[0]?.status === 'FAILED');
  expect(await served.sql('SELECT 1 FROM data.orders WHERE id = 0')).toEqual([]);
});
