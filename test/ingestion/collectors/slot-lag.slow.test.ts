import { afterAll, beforeAll, expect, test } from 'vitest';
import { headgateHere } from '../../cli/support.js';
import { LogicalServer } from '../../support/logical-server.js';
import { until } from '../../support/processes.js';
import { Served } from '../../support/served.js';

/** How far a collector of changes is behind its source, in bytes of the source's log. */
let source: LogicalServer;
let served: Served;
let engineer: string;

beforeAll(async () => {
  const started = await LogicalServer.start('new');
  if ('reason' in started) throw new Error(started.reason);
  source = started;
  await source.run('CREATE TABLE items (id bigint PRIMARY KEY, note text)');
  await source.run("INSERT INTO items SELECT g, 'row ' || g FROM generate_series(1, 100) g");
  served = await Served.start({ HEADGATE_SECRET_ERP: source.url });
  engineer = await served.token('engineer', ['engineer']);
}, 60_000);

afterAll(async () => {
  await served?.close();
  await source?.close();
});

async function declare(more = ''): Promise<void> {
  const manifest = `kind: Source
name: erp
type: postgres
url: \${HEADGATE_SECRET_ERP}
---
kind: Dataset
name: items
fields: [{ name: id, type: bigint }, { name: note, type: text }]
key: [id]
---
kind: Collector
name: items
source: erp
dataset: items
mode: merge
${more}postgres: { table: public.items, capture: {} }
`;
  const { errors } = await served.ask(engineer, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: manifest });
  expect(errors).toBeUndefined();
}

async function lagBytes(): Promise<number | undefined> {
  const query = '{ collector(name: "items") { partitions { lagBytes } } }';
  const { data } = await served.ask<{ collector: { partitions: { lagBytes: string | null }[] } }>(engineer, query);
  const bytes = data.collector.partitions[0]?.lagBytes ?? undefined;
  return bytes === undefined ? undefined : Number(bytes);
}

/** What the source itself says. */
async function atSource(): Promise<number> {
  const [row] = await source.run('SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::float8 AS bytes FROM pg_replication_slots');
  return Number(row?.['bytes']);
}

test(
  'it is told while the collector is paused too, in GraphQL, on the command line and as a number, and goes when it has gone on',
  { timeout: 90_000 },
  async () => {
    await declare();
    await until(
      'the copy is there',
      async () => ((await served.sql('SELECT count(*)::int AS n FROM data.items').catch(() => [{ n: 0 }])) as { n: number }[])[0]?.n === 100,
    );
    await until('its lag is known', async () => (await lagBytes()) !== undefined);
    expect(await lagBytes()).toBeLessThan(1_000_000);

    await declare('paused: true\n');
    await until('its session has ended', async () => (await source.run('SELECT active FROM pg_replication_slots'))[0]?.['active'] === false);
    await source.run('INSERT INTO items SELECT g, repeat(md5(g::text), 30) FROM generate_series(1001, 6000) g');
    const behind = await atSource();
    expect(behind).toBeGreaterThan(5_000_000);
    await until('the source was asked again', async () => ((await lagBytes()) ?? 0) >= behind);
    // Nothing else is written there but what it writes by itself.
    expect(await lagBytes()).toBeLessThanOrEqual(await atSource());
    const metrics = await (await fetch(`${served.url}/metrics`)).text();
    expect(Number(/^headgate_stream_lag_bytes (\S+)$/m.exec(metrics)?.[1])).toBe(await lagBytes());
    const server = ['--url', served.url, '--token', engineer];
    expect((await headgateHere(['collector', 'list', ...server])).stdout).toMatch(/items .*paused +[\d.]+ MB behind$/m);
    expect((await headgateHere(['collector', 'show', 'items', ...server])).stdout).toMatch(/\(all\).* [\d.]+ MB behind/);

    await declare();
    await until('it has gone on', async () => ((await lagBytes()) ?? Infinity) < 1_000_000, 30_000);
    expect(await served.sql('SELECT count(*)::int AS n FROM data.items')).toEqual([{ n: 5_100 }]);

    // What nobody knows is not told as it was.
    await declare('paused: true\n');
    await until('its session has ended', async () => (await source.run('SELECT active FROM pg_replication_slots'))[0]?.['active'] === false);
    await source.run('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots');
    await until('nothing is known of it', async () => (await lagBytes()) === undefined);
  },
);
