import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { headgateHere } from '../../cli/support.js';
import { until } from '../../support/processes.js';
import { Served } from '../../support/served.js';

let api: Server;
let served: Served;
let engineer: string;
let auditor: string;
let nobody: string;
let orders = [
  { id: 1, note: 'first' },
  { id: 2, note: 'second' },
];

const MANIFESTS = `
kind: Source
name: shop
type: http
url: \${HEADGATE_SECRET_SHOP_URL}
---
kind: Dataset
name: orders
typeName: ShopOrder
fields: [{ name: id, type: integer }, { name: note, type: text }]
key: [id]
---
kind: Collector
name: shop_orders
source: shop
dataset: orders
mode: merge
schedule: { cron: '0 3 * * *', timeZone: Europe/Berlin }
http: { path: /orders }
`;

beforeAll(async () => {
  api = createServer((_request, response) => response.setHeader('content-type', 'application/json').end(JSON.stringify(orders)));
  api.listen(0, '127.0.0.1');
  await once(api, 'listening');
  served = await Served.start({ HEADGATE_SECRET_SHOP_URL: `http://127.0.0.1:${(api.address() as AddressInfo).port}` });
  [engineer, auditor, nobody] = [await served.token('emil', ['engineer']), await served.token('aude', ['auditor']), await served.token('nobody', ['other'])];
  const { errors } = await served.ask(engineer, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: MANIFESTS });
  expect(errors).toBeUndefined();
});
afterAll(async () => {
  await served?.close();
  api?.close();
});

const rows = async () => served.sql('SELECT id, note FROM data.orders ORDER BY id');

/** Starts the collector and waits until its run is over. */
async function collect(): Promise<Record<string, unknown>> {
  const { data, errors } = await served.ask<{ runCollector: { id: string } }>(engineer, 'mutation { runCollector(name: "shop_orders") { id } }');
  expect(errors).toBeUndefined();
  const { id } = data.runCollector;
  let run: Record<string, unknown> = {};
  await until('the run is over', async () => {
    const answer = await served.ask<{ run: Record<string, unknown> }>(
      engineer,
      'query ($id: ID!) { run(id: $id) { id status collector rowsRead rowsLoaded rowsDeduplicated error { code message } } }',
      { id },
    );
    run = answer.data.run;
    return run['status'] !== 'QUEUED' && run['status'] !== 'RUNNING';
  });
  return run;
}

test('a collector that is started brings the rows, and is shown with where it is', async () => {
  expect(await collect()).toMatchObject({ status: 'SUCCEEDED', collector: 'shop_orders', rowsRead: '2', rowsLoaded: '2' });
  expect(await rows()).toEqual(orders);
  const shown = '{ collectors { name source dataset { name } mode paused partitions { partition position run { status } } } }';
  const { data } = await served.ask<{ collectors: { partitions: { position: unknown }[] }[] }>(engineer, shown);
  expect(data.collectors).toMatchObject([
    {
      name: 'shop_orders',
      source: 'shop',
      dataset: { name: 'orders' },
      mode: 'merge',
      paused: false,
      partitions: [{ partition: '', run: { status: 'SUCCEEDED' } }],
    },
  ]);
  // It may hold a value of a column; who oversees is not shown it.
  const told = await served.ask<typeof data>(auditor, shown);
  expect(told.data.collectors[0]?.partitions[0]?.position).toBeNull();
});

test('its schedule is shown, with when it is started next', async () => {
  const { data } = await served.ask<{ collector: { nextRunAt: string } }>(
    engineer,
    '{ collector(name: "shop_orders") { schedule { cron timeZone catchUp } nextRunAt } }',
  );
  expect(data.collector).toMatchObject({ schedule: { cron: '0 3 * * *', timeZone: 'Europe/Berlin', catchUp: 'once' } });
  expect(await served.sql('SELECT next_at FROM headgate.schedule')).toEqual([{ next_at: new Date(data.collector.nextRunAt) }]);
});

test('why nothing is collected may name what is secret, and is told in full to who may know all names', async () => {
  await served.sql(`UPDATE headgate.collector_position SET problem = 'The column "hidden" is new.' WHERE collector = 'shop_orders'`);
  const shown = '{ collector(name: "shop_orders") { partitions { problem } } }';
  const asked = async (token: string) =>
    (await served.ask<{ collector: { partitions: { problem: string }[] } }>(token, shown)).data.collector.partitions[0]?.problem;
  expect(await asked(engineer)).toContain('hidden');
  expect(await asked(auditor)).toMatch(/^Why is for those who may know all names/);
});

test('rows that are there already are not brought twice, and those that are new are', async () => {
  orders = [...orders, { id: 3, note: 'third' }];
  expect(await collect()).toMatchObject({ status: 'SUCCEEDED', rowsRead: '3', rowsLoaded: '1', rowsDeduplicated: '2' });
  expect(await rows()).toEqual(orders);
});

const HIDDEN = `
kind: Dataset
name: hidden_orders
visibility: secret
fields: [{ name: id, type: integer }, { name: note, type: text }]
key: [id]
---
kind: Collector
name: hidden_orders
source: shop
dataset: hidden_orders
http: { path: /orders, items: /nothing }
`;

/** Waits until a run is over. */
async function ended(id: string): Promise<string> {
  let status = '';
  await until('the run is over', async () => {
    const { data } = await served.ask<{ run: { status: string } }>(engineer, 'query ($id: ID!) { run(id: $id) { status } }', { id });
    ({ status } = data.run);
    return status !== 'QUEUED' && status !== 'RUNNING';
  });
  return status;
}

test('its runs are found by its name, by who may know of it', async () => {
  const { errors } = await served.ask(engineer, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: HIDDEN });
  expect(errors).toBeUndefined();
  const started = await served.ask<{ runCollector: { id: string } }>(engineer, 'mutation { runCollector(name: "hidden_orders") { id } }');
  expect(await ended(started.data.runCollector.id)).toBe('FAILED');
  const found = async (token: string, arguments_: string) =>
    (
      await served.ask<{ runs: { totalCount: number; nodes: { collector: string | null }[] } }>(
        token,
        `{ runs(${arguments_}) { totalCount nodes { collector } } }`,
      )
    ).data.runs;
  expect(await found(engineer, 'collector: "shop_orders"')).toEqual({ totalCount: 2, nodes: [{ collector: 'shop_orders' }, { collector: 'shop_orders' }] });
  expect(await found(engineer, 'collector: "shop_orders", status: FAILED')).toMatchObject({ totalCount: 0 });
  expect(await found(engineer, 'collector: "none"')).toMatchObject({ totalCount: 0 });
  expect(await found(engineer, 'collector: "hidden_orders"')).toMatchObject({ totalCount: 1 });
  expect(await found(auditor, 'collector: "shop_orders"')).toMatchObject({ totalCount: 2 });
  // Of what is secret to them a name finds nothing, as one of nothing would.
  for (const named of ['collector', 'dataset']) expect(await found(auditor, `${named}: "hidden_orders"`)).toEqual({ totalCount: 0, nodes: [] });
  const { stdout } = await headgateHere(['run', 'list', '--collector', 'hidden_orders', '--json', '--url', served.url, '--token', engineer]);
  expect(JSON.parse(stdout)).toMatchObject({ totalCount: 1, nodes: [{ status: 'FAILED' }] });
});

test('a run of a collector is tried again by its collector; of a load is told what is not here any more', async () => {
  const retry = async (id: string) =>
    served.ask<{ retryRun: { id: string; collector: string } } | null>(engineer, 'mutation ($id: ID!) { retryRun(id: $id) { id collector } }', { id });
  const failed = await served.ask<{ runs: { nodes: { id: string }[] } }>(engineer, '{ runs(collector: "hidden_orders", status: FAILED) { nodes { id } } }');
  const id = failed.data.runs.nodes[0]?.id ?? '';
  const again = await retry(id);
  expect(again.data?.retryRun).toMatchObject({ collector: 'hidden_orders' });
  expect(again.data?.retryRun.id).not.toBe(id);
  await ended(again.data?.retryRun.id ?? '');

  const load = async (input: object) => {
    const { data } = await served.ask<{ ingest: { id: string } }>(engineer, 'mutation ($i: IngestInput!) { ingest(input: $i) { id } }', { i: input });
    expect(await ended(data.ingest.id)).toBe('FAILED');
    return (await retry(data.ingest.id)).errors?.[0];
  };
  // No address of this machine may be reached by a URL that anybody gives.
  const { port } = api.address() as AddressInfo;
  expect((await load({ dataset: 'orders', url: `http://127.0.0.1:${port}/orders.json?token=hush` }))?.message).toBe(
    'A URL is kept until its run is over, since what stands behind its "?" may be a secret: ask for the load again, with the URL.',
  );
  expect((await load({ dataset: 'orders', content: 'no header\n', format: 'csv' }))?.message).toBe(
    'Inline content is kept until its run is over: send it again.',
  );
  await served.upload(engineer, 'orders', 'no header\n');
  const uploads = await served.ask<{ runs: { nodes: { id: string }[] } }>(engineer, '{ runs(dataset: "orders", status: FAILED, first: 1) { nodes { id } } }');
  expect((await retry(uploads.data.runs.nodes[0]?.id ?? '')).errors?.[0]).toMatchObject({
    message: 'What an upload brings is not kept: send it again.',
    extensions: { code: 'CONFLICT' },
  });
});

test('a collector that is reset begins from the beginning, and that is on the record', async () => {
  const { errors } = await served.ask(engineer, 'mutation { resetCollector(name: "shop_orders") }');
  expect(errors).toBeUndefined();
  const acts = await served.sql(
    "SELECT action, decision, dataset FROM headgate.audit_record WHERE dataset = 'orders' AND principal = 'emil' AND action LIKE 'collector.%' ORDER BY at, id",
  );
  expect(acts).toEqual(['collector.start', 'collector.start', 'collector.reset'].map((action) => ({ action, decision: 'ALLOWED', dataset: 'orders' })));
  const wrong = await served.ask(engineer, 'mutation { resetCollector(name: "shop_orders", partition: "9") }');
  expect(wrong.errors?.[0]?.extensions['code']).toBe('NOT_FOUND');
});

test('one that collects another thing begins from the beginning; a longer lag is no other thing', async () => {
  const apply = async (part: string) => {
    const manifest = MANIFESTS.replace('{ path: /orders }', part);
    const { errors } = await served.ask(engineer, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: manifest });
    expect(errors).toBeUndefined();
    return (await served.sql('SELECT 1 FROM headgate.collector_position')).length;
  };
  expect(await collect()).toMatchObject({ status: 'SUCCEEDED' });
  expect(await apply('{ path: /orders, since: { pointer: /id, parameter: after, format: unix } }')).toBe(0);
  expect(await collect()).toMatchObject({ status: 'SUCCEEDED', rowsDeduplicated: '3' });
  expect(await apply('{ path: /orders, since: { pointer: /id, parameter: after, format: unix, lag: 20m } }')).toBe(1);
});

test('who is no engineer starts, resets and removes none', async () => {
  for (const mutation of ['runCollector(name: "shop_orders") { id }', 'resetCollector(name: "shop_orders")', 'deleteCollector(name: "shop_orders")']) {
    const { errors } = await served.ask(nobody, `mutation { ${mutation} }`);
    expect(errors?.[0]?.extensions['code'], mutation).toBe('FORBIDDEN');
  }
  expect((await served.ask(nobody, '{ collectors { name } }')).errors?.[0]?.extensions['code']).toBe('FORBIDDEN');
});

test('a source and a dataset stay while a collector needs them, and rows stay when it goes', async () => {
  for (const mutation of ['deleteSource(name: "shop")', 'deleteDataset(name: "orders")']) {
    const { errors } = await served.ask(engineer, `mutation { ${mutation} }`);
    expect(errors?.[0]?.extensions['code'], mutation).toBe('CONFLICT');
  }
  const { data, errors } = await served.ask(engineer, 'mutation { deleteCollector(name: "shop_orders") }');
  expect(errors).toBeUndefined();
  expect(data).toEqual({ deleteCollector: true });
  expect(await rows()).toEqual(orders);
  expect(await served.sql('SELECT count(*)::int AS n FROM headgate.schedule')).toEqual([{ n: 0 }]);
});
