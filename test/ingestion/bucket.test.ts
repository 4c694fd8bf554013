import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { SourceSpec } from '../../src/catalog/index.js';
import { Bucket } from '../../src/ingestion/collectors/files/bucket.js';
import { Outbound } from '../../src/outbound/index.js';

const source = (url: string, more: object = { region: 'eu-central-1' }) => SourceSpec.safeParse({ name: 's', type: 'files', url, ...more });

test.each([
  's3://',
  's3://ab/x',
  's3://evil.example.com:443',
  's3://user@bucket/x',
  's3://evil.com?x/y',
  's3://evil.com\\x/y',
  's3://evil%2ecom/x',
  's3://Bucket/x',
  's3://my_bucket/x',
  's3://a..b/x',
  's3://.abc/x',
  's3://abc-/x',
  's3://192.168.5.4/x',
  `s3://${'a'.repeat(64)}/x`,
  's3://bucket/../other',
  's3://bucket/a/./b',
])('%s names no bucket of Amazon', (url) => {
  expect(source(url).success).toBe(false);
});

test('buckets have the names that Amazon allows, and of other stores some more', () => {
  for (const url of ['s3://company-exports/orders', 's3://exports.example.com/a/b.c/', 's3://123']) expect(source(url).success, url).toBe(true);
  const other = { endpoint: 'https://store.example.com' };
  for (const url of ['s3://My_bucket/x', 's3://exports/']) expect(source(url, other).success, url).toBe(true);
  for (const url of ['s3://a..b/x', 's3://a b/x', 's3://bucket/../other', 's3://x?y/z']) expect(source(url, other).success, url).toBe(false);
});

test('a file whose name leads to another bucket is not one of its own', async () => {
  const asked: string[] = [];
  const store = createServer((request, response) => {
    asked.push(request.url ?? '');
    const keys = ['orders/a.csv', 'orders/../../private/secret.csv', 'orders/./b.csv', 'orders/x/..', 'orders/..c.csv'];
    response.end(`<ListBucketResult>${keys.map((key) => `<Contents><Key>${key}</Key><ETag>1</ETag></Contents>`).join('')}</ListBucketResult>`);
  }).listen(0, '127.0.0.1');
  await once(store, 'listening');
  const { port } = store.address() as AddressInfo;
  const outbound = new Outbound({ allow: [{ range: '127.0.0.1/32', port }], log: pino({ level: 'silent' }) });
  try {
    const bucket = new Bucket({
      outbound,
      bucket: 'exports',
      prefix: 'orders/',
      endpoint: `http://127.0.0.1:${port}`,
      trusted: false,
      region: 'eu-central-1',
      timeoutMs: 5_000,
      maxBytes: 1_000_000,
    });
    expect((await bucket.list('', new AbortController().signal)).map(({ name }) => name)).toEqual(['a.csv', '..c.csv']);
    expect(asked).toEqual([expect.stringMatching(/^\/exports\?list-type=2/)]);
  } finally {
    await outbound.close();
    store.close();
  }
});
