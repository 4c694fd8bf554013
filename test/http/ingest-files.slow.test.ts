import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../src/cli/program.js';
import { Served } from '../support/served.js';

const MANIFEST = ['orders', 'fetched', 'queued', 'listed', 'lined', 'vain']
  .map((name) => `kind: Dataset\nname: ${name}\nfields: [{ name: id, type: bigint, required: true }, { name: fare, type: decimal }]\n`)
  .join('---\n');

let served: Served;
let engineer: string;
let folder: string;
let origin: Server;
let url: string;
const seen: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-files-'));
  origin = createServer((request, response) => {
    seen.push(request.url ?? '');
    const csv = 'id,fare\n1,2.5\nx,1\n';
    const { pathname } = new URL(request.url ?? '', 'http://x');
    if (pathname === '/orders.csv') response.setHeader('content-type', 'text/csv').end(csv);
    else if (pathname === '/packed.csv.zst') response.setHeader('content-type', 'application/octet-stream').end(zstdCompressSync(csv));
    else if (pathname === '/on-the-way.csv.gz') response.setHeader('content-encoding', 'gzip').end(gzipSync(csv));
    else if (pathname === '/cut.csv') response.writeHead(200, { 'content-length': 100 }).write(csv, () => response.destroy());
    else response.writeHead(404).end('no');
  });
  await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(origin.address() as AddressInfo).port}`;
  served = await Served.start({ HEADGATE_OUTBOUND_ALLOW: '127.0.0.1', HEADGATE_FILES: folder });
  const admin = await served.token('ada', ['admin']);
  engineer = await served.token('eve', ['engineer']);
  await served.ask(admin, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: MANIFEST });
});

afterAll(async () => {
  origin?.close();
  await served?.close();
  await rm(folder, { recursive: true, force: true });
});

async function post(path: string, body?: FormData): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${served.url}/ingest/${path}`, { method: 'POST', headers: { authorization: `Bearer ${engineer}` }, ...(body && { body }) });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

test('a form with several files is one load', async () => {
  const form = new FormData();
  form.append('file', new Blob(['id,fare\n1,1\n2,2\n']), 'a.csv');
  form.append('file', new Blob([gzipSync('fare,id\n3,3\n4,x')]), 'b.csv.gz');
  expect(await post('orders', form)).toMatchObject({ status: 200, body: { rowsRead: '4', rowsLoaded: '3', rowsQuarantined: '1' } });
  form.append('file', new Blob(['id,fare\n1,"\n']), 'c.csv');
  expect(await post('orders', form)).toMatchObject({ status: 422, body: { code: 'DATA_REJECTED', file: 'c.csv', line: 2 } });
  const field = new FormData();
  field.append('text', 'no file');
  expect(await post('orders', field)).toMatchObject({ status: 400, body: { code: 'BAD_USER_INPUT' } });
  expect(await post('orders', new FormData())).toMatchObject({ body: { code: 'NOT_FOUND' } });
});

test('a URL is fetched, and what its query says is told nobody', async () => {
  expect(await post(`fetched?url=${encodeURIComponent(`${url}/orders.csv?signature=s3cr3t`)}`)).toMatchObject({
    status: 200,
    body: { rowsLoaded: '1', rowsQuarantined: '1' },
  });
  expect(seen).toContain('/orders.csv?signature=s3cr3t');
  for (const path of ['/packed.csv.zst', '/on-the-way.csv.gz'])
    expect(await post(`fetched?mode=replace&force=true&url=${encodeURIComponent(url + path)}`)).toMatchObject({ body: { rowsLoaded: '1' } });
  const gone = await post(`fetched?url=${encodeURIComponent(`${url}/gone.csv?signature=s3cr3t`)}`);
  expect(gone).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
  expect(JSON.stringify(gone)).not.toContain('s3cr3t');
  expect(await post(`fetched?url=${encodeURIComponent(`${url}/cut.csv`)}`)).toMatchObject({ body: { code: 'UNAVAILABLE' } });
  // What is inside, and not allowed, is reached by no URL.
  expect(await post(`fetched?url=${encodeURIComponent('http://169.254.169.254/latest/orders.csv')}`)).toMatchObject({
    status: 400,
    body: { code: 'BAD_USER_INPUT' },
  });
  expect(await post(`fetched?url=file:///etc/passwd`)).toMatchObject({ status: 400 });
});

async function finished(input: Record<string, unknown>): Promise<Record<string, unknown>> {
  const { data, errors } = await served.ask<{ ingest: { id: string } }>(engineer, 'mutation ($i: IngestInput!) { ingest(input: $i) { id } }', { i: input });
  if (errors) throw new Error(JSON.stringify(errors));
  for (;;) {
    const { data: asked } = await served.ask<{ run: Record<string, unknown> }>(
      engineer,
      'query ($id: ID!) { run(id: $id) { status rowsLoaded rowsQuarantined error { code message } } }',
      { id: data.ingest.id },
    );
    if (asked.run['status'] !== 'QUEUED' && asked.run['status'] !== 'RUNNING') return asked.run;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test('a worker loads from a URL, and files that a pattern names', async () => {
  expect(await finished({ dataset: 'queued', url: `${url}/orders.csv?signature=s3cr3t` })).toMatchObject({
    status: 'SUCCEEDED',
    rowsLoaded: '1',
    rowsQuarantined: '1',
  });
  expect(await finished({ dataset: 'vain', url: `${url}/gone.csv?signature=s3cr3t` })).toMatchObject({
    status: 'FAILED',
    error: { code: 'NOT_FOUND', message: expect.not.stringContaining('s3cr3t') },
  });
  await mkdir(join(folder, 'sales'));
  await writeFile(join(folder, 'sales/2024-01.csv.gz'), gzipSync('id,fare\n1,1\n'));
  await writeFile(join(folder, 'sales/2024-02.csv'), 'id;fare\n2;1.5\n');
  expect(await finished({ dataset: 'listed', source: 'sales/2024-*.csv*', detect: true })).toMatchObject({ status: 'SUCCEEDED', rowsLoaded: '2' });
  const none = await served.ask(engineer, 'mutation ($i: IngestInput!) { ingest(input: $i) { id } }', { i: { dataset: 'listed', source: 'sales/2025-*.csv' } });
  expect(none.errors?.[0]?.extensions['code']).toBe('NOT_FOUND');
});

test('the command line sends several files, and leaves a URL to the server', async () => {
  await writeFile(join(folder, 'x1.csv'), 'id,fare\n1,1\n');
  await writeFile(join(folder, 'x2.csv'), 'id,fare\n2,1\n');
  const common = ['--url', served.url, '--token', engineer, '--json'];
  expect(await run(['ingest', 'lined', join(folder, 'x1.csv'), join(folder, 'x2.csv'), ...common])).toBe(0);
  expect(await run(['ingest', 'lined', join(folder, 'x?.csv'), '--mode', 'replace', '--force', ...common])).toBe(0);
  expect(await run(['ingest', 'lined', `${url}/orders.csv`, ...common])).toBe(0);
  expect(await run(['ingest', 'lined', join(folder, 'none-*.csv'), ...common])).toBe(1);
  process.env['HEADGATE_OUTBOUND_ALLOW'] = '127.0.0.1';
  const out = join(folder, 'orders.yaml');
  expect(await run(['dataset', 'infer', `${url}/orders.csv?signature=s3cr3t`, '--out', out]).finally(() => delete process.env['HEADGATE_OUTBOUND_ALLOW'])).toBe(
    0,
  );
  const written = await readFile(out, 'utf8');
  expect(written).toContain('name: orders');
  expect(written).not.toContain('s3cr3t');
  const { data } = await served.ask<{ dataset: { rowCount: string } }>(engineer, '{ dataset(name: "lined") { rowCount } }');
  expect(data.dataset.rowCount).toBe('3');
});
