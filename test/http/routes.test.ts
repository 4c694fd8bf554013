import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Served } from '../support/served.js';

let served: Served;
let admin: string;

beforeAll(async () => {
  served = await Served.start();
  admin = await served.token('ada', ['admin']);
});

afterAll(() => served.close());

async function ask(path: string, { token = admin, ...init }: RequestInit & { token?: string } = {}): Promise<Response> {
  return fetch(served.url + path, { ...init, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...init.headers } });
}

test('it says that it is alive and ready', async () => {
  expect(await (await fetch(`${served.url}/healthz`)).json()).toEqual({ status: 'ok' });
  expect(await (await fetch(`${served.url}/readyz`)).json()).toMatchObject({ status: 'ready' });
});

test('the start page and every answer keep browsers from doing more than is needed', async () => {
  const page = await fetch(served.url);
  expect(await page.text()).toContain('href="/graphql"');
  for (const response of [page, await fetch(`${served.url}/healthz`)]) {
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(response.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
  }
});

test('what is not there is a problem with its code', async () => {
  const response = await fetch(`${served.url}/nothing?token=abc`);
  expect(response.headers.get('content-type')).toContain('application/problem+json');
  expect(await response.json()).toEqual({
    type: 'urn:headgate:error:NOT_FOUND',
    title: 'Not found',
    status: 404,
    detail: 'There is no route GET /nothing.',
    code: 'NOT_FOUND',
  });
});

test('numbers are there for Prometheus, without names of datasets', async () => {
  const apply = JSON.stringify({
    files: [{ file: 'a.yaml', text: 'kind: Dataset\nname: very_secret\nvisibility: secret\nfields: [{ name: id, type: bigint }]\n' }],
  });
  expect((await ask('/manifests', { method: 'POST', body: apply })).status).toBe(200);
  expect((await served.upload(admin, 'very_secret', 'id\n1\n')).status).toBe(200);
  const text = await (await fetch(`${served.url}/metrics`)).text();
  expect(text).toMatch(/headgate_acts_total\{action="ingest",decision="ALLOWED"\} 1/);
  expect(text).toMatch(/headgate_http_request_duration_seconds_count\{method="POST",route="\/ingest\/:dataset",status="200"\} 1/);
  expect(text).toMatch(/headgate_pool_connections\{state="idle"\} \d+/);
  expect(text).toMatch(/headgate_audit_unsealed_seconds/);
  expect(text).not.toContain('very_secret');
});

test('manifests come back as they went in, and applying them again changes nothing', async () => {
  const { manifests } = (await (await ask('/manifests')).json()) as { manifests: { text: string }[] };
  const files = manifests.map(({ text }, i) => ({ file: `${i}.yaml`, text }));
  const result = (await (await ask('/manifests', { method: 'POST', body: JSON.stringify({ files }) })).json()) as { changes: { change: string }[] };
  expect(result.changes.length).toBeGreaterThan(0);
  expect(new Set(result.changes.map(({ change }) => change))).toEqual(new Set(['unchanged']));
});

test('a bad manifest is refused with its file and line, and who may not apply it is told so', async () => {
  const body = JSON.stringify({ files: [{ file: 'orders.yaml', text: 'kind: Dataset\nname: orders\nfelds: []\n' }] });
  expect(await (await ask('/manifests', { method: 'POST', body })).json()).toMatchObject({ status: 400, code: 'BAD_USER_INPUT', file: 'orders.yaml', line: 3 });
  const grant = JSON.stringify({
    files: [{ file: 'g.yaml', text: "kind: Grant\nname: g\nto: { roles: [x] }\non: { datasets: ['*'] }\nfields: { '*': allow }\n" }],
  });
  const engineer = await served.token('eve', ['engineer']);
  expect(await (await ask('/manifests', { method: 'POST', body: grant, token: engineer })).json()).toMatchObject({ status: 403, code: 'FORBIDDEN' });
  const analyst = await served.token('ann', ['analyst']);
  expect((await ask('/manifests', { token: analyst })).status).toBe(403);
  const prune = JSON.stringify({ files: [{ file: 'p.yaml', text: 'kind: Dataset\nname: p\nfields: [{ name: id, type: bigint }]\n' }], prune: true });
  expect((await ask('/manifests', { method: 'POST', body: prune, token: engineer })).status).toBe(403);
});

test('the record can be taken away and proven against checkpoints kept elsewhere', async () => {
  const auditor = await served.token('amy', ['auditor']);
  const good = (await (
    await ask('/audit/verify', { method: 'POST', token: auditor, headers: { 'content-type': 'application/x-ndjson' }, body: '' })
  ).json()) as { valid: boolean; entries: number };
  expect(good.valid).toBe(true);
  const lines = (await (await ask('/audit/export', { token: auditor })).text()).trim().split('\n');
  expect(lines.length).toBeGreaterThanOrEqual(good.entries);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ seq: '1', prevHash: '0'.repeat(64) });
  expect((await ask('/audit/export', { token: await served.token('eve', ['engineer']) })).status).toBe(403);
  expect((await fetch(`${served.url}/audit/verify`, { method: 'POST' })).status).toBe(401);
  const broken = await ask('/audit/verify', { method: 'POST', token: auditor, headers: { 'content-type': 'application/x-ndjson' }, body: 'x\ny\n' });
  expect(await broken.json()).toMatchObject({ status: 400, code: 'BAD_USER_INPUT' });
});

test('the files of GraphiQL are served when it was built, and nothing beside them', async () => {
  const html = await readFile(join(import.meta.dirname, '../../dist/graphiql/index.html'), 'utf8').catch(() => undefined);
  const script = html && /src="(\/graphiql\/assets\/[^"]+\.js)"/.exec(html)?.[1];
  if (script) {
    const response = await fetch(served.url + script);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toContain('javascript');
  }
  expect((await fetch(`${served.url}/graphiql/assets/..%2f..%2f..%2fpackage.json`)).status).toBeGreaterThanOrEqual(400);
});
