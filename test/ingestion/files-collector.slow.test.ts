import { AwsClient } from 'aws4fetch';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Served } from '../support/served.js';

/** A store that checks signatures, as Amazon's does. It is CommonJS without types. */
interface Store {
  run(): Promise<AddressInfo>;
  close(): Promise<void>;
}
const S3rver = createRequire(import.meta.url)('@20minutes/s3rver') as new (options: object) => Store;

const FIELDS = 'fields: [{ name: id, type: bigint, required: true }, { name: name, type: text }]';
const manifest = (store: string, web: string) => `
${['bucket_rows', 'folder_rows', 'web_rows', 'whole_rows', 'bad_rows', 'public_rows'].map((name) => `kind: Dataset\nname: ${name}\n${FIELDS}\n---\n`).join('')}
kind: Source
name: store
type: files
url: s3://exports/orders
endpoint: ${store}
region: eu-central-1
auth: { accessKey: { id: '\${HEADGATE_SECRET_S3_ID}', secret: '\${HEADGATE_SECRET_S3_KEY}' } }
---
kind: Source
name: wrong_key
type: files
url: s3://exports/orders
endpoint: ${store}
auth: { accessKey: { id: '\${HEADGATE_SECRET_S3_ID}', secret: '\${HEADGATE_SECRET_WRONG}' } }
---
kind: Source
name: drop
type: files
folder: drop
---
kind: Source
name: web
type: files
url: ${web}/files/
---
kind: Collector
name: from_bucket
source: store
dataset: bucket_rows
files: { pattern: '2024/*.csv*' }
---
kind: Collector
name: from_folder
source: drop
dataset: folder_rows
files: { pattern: '*.csv', detect: true }
---
kind: Collector
name: whole
source: drop
dataset: whole_rows
mode: replace
files: { pattern: '*.csv', detect: true }
---
kind: Collector
name: from_web
source: web
dataset: web_rows
files: { pattern: '*.ndjson' }
---
kind: Dataset
name: slow_rows
${FIELDS}
subject: name
---
kind: Source
name: slow
type: files
url: ${web}/slow/
---
kind: Collector
name: from_slow
source: slow
dataset: slow_rows
---
kind: Collector
name: with_wrong_key
source: wrong_key
dataset: bad_rows
`;

/** A file that is asked for, and may be sent. */
const [asked, answered] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
let served: Served;
let admin: string;
let folder: string;
let store: Store;
let web: Server;
let s3: AwsClient;
let endpoint: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-collected-'));
  store = new S3rver({ port: 0, address: '127.0.0.1', silent: true, directory: join(folder, 's3'), configureBuckets: [{ name: 'exports', configs: [] }] });
  endpoint = `http://127.0.0.1:${(await store.run()).port}`;
  s3 = new AwsClient({ accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER', service: 's3', region: 'eu-central-1' });
  web = createServer((request, response) => {
    if (request.url === '/files/')
      response.end(
        '<html><a href="../">up</a><a href="b%20c.ndjson">b</a> <a href="a.ndjson">a</a> <a href="/etc/x.ndjson">x</a> <a href="http://other/y.ndjson">y</a></html>',
      );
    else if (request.url === '/slow/') response.end('<a href="person.ndjson">person</a>');
    else if (request.url === '/slow/person.ndjson') {
      response.setHeader('etag', '"person"').flushHeaders();
      if (request.method === 'HEAD') response.end();
      else {
        asked.resolve();
        void answered.promise.then(() => response.end('{"id":1,"name":"somebody"}\n'));
      }
    } else if (request.url?.startsWith('/files/'))
      response.setHeader('etag', `"${request.url}"`).end(request.method === 'HEAD' ? undefined : `{"id":1,"name":"${request.url}"}\n`);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  served = await Served.start({
    HEADGATE_OUTBOUND_ALLOW: '127.0.0.1',
    HEADGATE_FILES: join(folder, 'files'),
    HEADGATE_SECRET_S3_ID: 'S3RVER',
    HEADGATE_SECRET_S3_KEY: 'S3RVER',
    HEADGATE_SECRET_WRONG: 'not the key',
  });
  await mkdir(join(folder, 'files/drop'), { recursive: true });
  admin = await served.token('ada', ['admin']);
  const { errors } = await served.ask(admin, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', {
    m: manifest(endpoint, `http://127.0.0.1:${(web.address() as AddressInfo).port}`),
  });
  expect(errors).toBeUndefined();
});

afterAll(async () => {
  web?.close();
  await served?.close();
  await store?.close();
  await rm(folder, { recursive: true, force: true });
});

async function put(name: string, content: string | Uint8Array<ArrayBuffer>): Promise<void> {
  const response = await s3.fetch(`${endpoint}/exports/${name.split('/').map(encodeURIComponent).join('/')}`, { method: 'PUT', body: content });
  expect(response.status).toBe(200);
}

async function collect(name: string): Promise<Record<string, unknown>> {
  const { data, errors } = await served.ask<{ runCollector: { id: string } }>(admin, 'mutation ($n: String!) { runCollector(name: $n) { id } }', { n: name });
  if (errors) throw new Error(JSON.stringify(errors));
  for (;;) {
    const { data: asked } = await served.ask<{ run: Record<string, unknown> }>(
      admin,
      'query ($id: ID!) { run(id: $id) { status rowsRead rowsLoaded rowsQuarantined rowsDeduplicated error { code message } } }',
      { id: data.runCollector.id },
    );
    if (asked.run['status'] !== 'QUEUED' && asked.run['status'] !== 'RUNNING') return asked.run;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function rows(root: string): Promise<unknown> {
  const { data } = await served.ask<Record<string, { nodes: unknown }>>(admin, `{ ${root}(orderBy: [{ id: ASC }, { name: ASC }]) { nodes { id name } } }`);
  return data[root]?.nodes;
}

test('each file of a bucket is loaded once, in the order of the names, and again when it is another', async () => {
  await served.ask(admin, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', {
    m: "kind: Grant\nname: all\nto: { roles: [admin] }\non: { datasets: ['*'] }\nfields: { '*': allow }",
  });
  await put('orders/2024/b+c ü.csv', 'id,name\n2,b\nx,bad\n');
  await put('orders/2024/a.csv.gz', gzipSync('id,name\n1,a\n') as Uint8Array<ArrayBuffer>);
  await put('orders/2023/old.csv', 'id,name\n9,old\n');
  await put('others/2024/z.csv', 'id,name\n8,other\n');
  expect(await collect('from_bucket')).toMatchObject({ status: 'SUCCEEDED', rowsLoaded: '2', rowsQuarantined: '1' });
  expect(await collect('from_bucket')).toMatchObject({ status: 'SUCCEEDED', rowsRead: '0' });
  await put('orders/2024/c.csv', 'id,name\n3,c\n');
  // The same content under another name adds nothing.
  await put('orders/2024/d.csv', 'id,name\n3,c\n');
  expect(await collect('from_bucket')).toMatchObject({ status: 'SUCCEEDED', rowsLoaded: '1', rowsDeduplicated: '1' });
  await put('orders/2024/c.csv', 'id,name\n4,changed\n');
  expect(await collect('from_bucket')).toMatchObject({ status: 'SUCCEEDED', rowsLoaded: '1' });
  expect(await rows('bucketRows')).toEqual([
    { id: '1', name: 'a' },
    { id: '2', name: 'b' },
    { id: '3', name: 'c' },
    { id: '4', name: 'changed' },
  ]);
});

test('more files than one list has are all found', async () => {
  for (let i = 0; i < 30; i += 1) await Promise.all(Array.from({ length: 40 }, (_, k) => put(`orders/other/${i}-${k}.txt`, 'x')));
  await put('orders/2024/zz.csv', 'id,name\n5,last\n');
  expect(await collect('from_bucket')).toMatchObject({ status: 'SUCCEEDED', rowsLoaded: '1' });
});

test('a key that is not right opens nothing, and is told nobody', async () => {
  const run = await collect('with_wrong_key');
  expect(run).toMatchObject({ status: 'FAILED', error: { code: 'BAD_USER_INPUT', message: expect.stringContaining('SignatureDoesNotMatch') } });
  expect(JSON.stringify(run)).not.toContain('not the key');
});

test('a folder is collected, and nothing that is linked out of it', async () => {
  const drop = join(folder, 'files/drop');
  await writeFile(join(drop, '1.csv'), 'id;name\n1;ä\n');
  await writeFile(join(drop, '2.csv'), 'id,name\n2,b\n');
  await writeFile(join(drop, 'note.txt'), 'no rows');
  expect(await collect('from_folder')).toMatchObject({ status: 'SUCCEEDED', rowsLoaded: '2' });
  expect(await collect('whole')).toMatchObject({ status: 'SUCCEEDED', rowsLoaded: '2' });
  await writeFile(join(drop, '3.csv'), 'id,name\n3,c\n');
  // The dataset is what all files hold.
  expect(await collect('whole')).toMatchObject({ status: 'SUCCEEDED', rowsLoaded: '3' });
  await writeFile(join(folder, 'outside.csv'), 'id,name\n6,outside\n');
  await symlink(join(folder, 'outside.csv'), join(drop, '4.csv'));
  expect(await collect('from_folder')).toMatchObject({ status: 'FAILED', error: { code: 'NOT_FOUND' } });
  expect(await rows('folderRows')).toEqual([
    { id: '1', name: 'ä' },
    { id: '2', name: 'b' },
    { id: '3', name: 'c' },
  ]);
});

test('a folder of a web server is collected by its links', async () => {
  expect(await collect('from_web')).toMatchObject({ status: 'SUCCEEDED', rowsLoaded: '2' });
  expect(await collect('from_web')).toMatchObject({ status: 'SUCCEEDED', rowsRead: '0' });
  expect(await rows('webRows')).toEqual([
    { id: '1', name: '/files/a.ndjson' },
    { id: '1', name: '/files/b%20c.ndjson' },
  ]);
});

test('who is erased while a file comes does not come back by it', async () => {
  const collected = collect('from_slow');
  await asked.promise;
  const { errors } = await served.ask(admin, 'mutation { eraseSubject(subject: "somebody", reason: "asked") { id } }');
  expect(errors).toBeUndefined();
  answered.resolve();
  expect(await collected).toMatchObject({ status: 'FAILED', error: { code: 'CONFLICT' } });
  expect(await served.sql('SELECT name FROM data.slow_rows')).toEqual([]);
  // What the source still has is asked for again, which is a new matter.
  expect(await collect('from_slow')).toMatchObject({ status: 'SUCCEEDED', rowsLoaded: '1' });
});
