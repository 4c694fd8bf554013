import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Served } from '../support/served.js';

/** An export of ten times the rows takes the same memory. */
const ROWS = 1_000_000;
const MB = 1024 * 1024;
let served: Served;
let taker: string;

beforeAll(async () => {
  served = await Served.start();
  const admin = await served.token('ada', ['admin']);
  const m = `
kind: Dataset
name: big
fields:
  - { name: id, type: bigint }
  - { name: what, type: text }
  - { name: amount, type: decimal }
  - { name: at, type: timestamp }
  - { name: tags, type: 'text[]' }
key: [id]
---
kind: Grant
name: takers
to: { roles: [taker] }
on: { datasets: [big] }
fields: { '*': allow, what: { mask: partial, last: 4 } }
`;
  await served.ask(admin, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m });
  await served.sql(`INSERT INTO data.big (id, what, amount, at, tags)
    SELECT g, 'number ' || g, g / 100.0, timestamptz '2020-01-01' + g * interval '1 minute', ARRAY['a' || g % 10, 'b'] FROM generate_series(1, ${ROWS}) AS g`);
  taker = await served.token('taker', ['taker'], { ttlSeconds: 3600 });
}, 300_000);
afterAll(() => served?.close());

/** Takes an export, and gives the most memory that this process held meanwhile, in bytes. */
async function peakOf(format: string, rows: number): Promise<number> {
  const where = encodeURIComponent(JSON.stringify({ id: { lte: String(rows) } }));
  const asking = request(`${served.url}/export/big?format=${format}&where=${where}`, { headers: { authorization: `Bearer ${taker}` } });
  asking.end();
  const [response] = (await once(asking, 'response')) as [IncomingMessage];
  expect(response.statusCode).toBe(200);
  let peak = 0;
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    peak = Math.max(peak, process.memoryUsage.rss());
  }
  expect(bytes).toBeGreaterThan(rows * 10);
  return peak;
}

test.each(['csv', 'ndjson', 'json', 'parquet'])('a million rows as %s take the memory of a hundred thousand', { timeout: 600_000 }, async (format) => {
  // The first of its kind brings code and buffers into memory that stay.
  await peakOf(format, ROWS / 10);
  const small = await peakOf(format, ROWS / 10);
  const large = await peakOf(format, ROWS);
  expect((large - small) / MB).toBeLessThan(100);
});
