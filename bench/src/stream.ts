// Messages of NATS JetStream into a typed table: Headgate beside a script as one writes it for the purpose, in turns.
import { jetstream, jetstreamManager, AckPolicy } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import pg from 'pg';
import { Shop } from './shop.ts';
import { median } from './statistics.ts';

const url = process.env['BENCH_NATS_URL'] ?? 'nats://127.0.0.1:4222';
const messages = Number(process.env['BENCH_MESSAGES'] ?? 500_000);
const rounds = Number(process.env['BENCH_ROUNDS'] ?? 3);
const BATCH = 10_000;
const STREAM = `headgate_bench_${process.pid}`;
const say = (text: string): void => void process.stderr.write(`${text}\n`);

const COLUMNS = { id: 'bigint', customer: 'text', status: 'text', amount: 'numeric', quantity: 'integer', at: 'timestamptz' } as const;
const FIELDS = { id: 'bigint', customer: 'text', status: 'text', amount: 'decimal', quantity: 'integer', at: 'timestamp' } as const;

const nats = await connect({ servers: new URL(url).host });
const manager = await jetstreamManager(nats);
const shop = await Shop.open();
try {
  await publish();
  const headgate = await shop.serve('headgate', { HEADGATE_OUTBOUND_ALLOW: new URL(url).host });
  await apply(headgate.url, [
    { kind: 'Source', name: 'broker', type: 'nats', url },
    { kind: 'Dataset', name: 'streamed', fields: Object.entries(FIELDS).map(([name, type]) => ({ name, type })) },
  ]);
  const seconds = { headgate: [] as number[], script: [] as number[] };
  // The first round warms up, and does not count.
  for (let round = 0; round <= rounds; round += 1) {
    const ours = await timed(() => byHeadgate(headgate.url, round));
    const theirs = await timed(byScript);
    say(`round ${round}: Headgate ${perSecond(ours)}/s, script ${perSecond(theirs)}/s`);
    if (round === 0) continue;
    seconds.headgate.push(ours);
    seconds.script.push(theirs);
  }
  const [ours, theirs] = [median(seconds.headgate), median(seconds.script)];
  console.log(`${messages} messages of 6 columns, ${rounds} rounds, medians:`);
  console.log(`  Headgate                                   ${perSecond(ours)} messages/s, ${(theirs / ours).toFixed(2)}x the script`);
  console.log(`  script: consumer, JSON.parse, INSERT unnest ${perSecond(theirs)} messages/s`);
  console.log(`  Headgate's process held at most ${Math.round((await headgate.peakRssBytes()) / 1e6)} MB`);
} finally {
  await manager.streams.delete(STREAM).catch(() => undefined);
  await nats.close();
  await shop.close();
}

function perSecond(seconds: number): number {
  return Math.round(messages / seconds);
}

async function timed(work: () => Promise<void>): Promise<number> {
  await shop.database.query('CHECKPOINT');
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1_000;
}

async function publish(): Promise<void> {
  await manager.streams.add({ name: STREAM, subjects: [`${STREAM}.>`] });
  for (let id = 1; id <= messages; id += 1) {
    const row = { id, customer: `customer-${id % 10_000}`, status: 'open', amount: id / 4, quantity: id % 10, at: '2026-01-31T10:20:30Z' };
    nats.publish(`${STREAM}.rows`, JSON.stringify(row));
    if (id % BATCH === 0) await nats.flush();
  }
  await nats.flush();
  while ((await manager.streams.info(STREAM)).state.messages < messages);
  say('the stream is filled');
}

async function apply(at: string, documents: readonly object[]): Promise<void> {
  const response = await fetch(`${at}/manifests`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${shop.adminToken}` },
    body: JSON.stringify({ files: [{ file: 'stream.yaml', text: documents.map((document) => JSON.stringify(document)).join('\n---\n') }] }),
  });
  if (!response.ok) throw new Error(`The manifests were refused: ${await response.text()}`);
}

/** From the document of the collector to its last row. */
async function byHeadgate(at: string, round: number): Promise<void> {
  const name = `bench_${round}`;
  await shop.database.query('TRUNCATE data.streamed');
  await apply(at, [{ kind: 'Collector', name, source: 'broker', dataset: 'streamed', nats: { stream: STREAM } }]);
  for (;;) {
    const { rows } = await shop.database.query<{ total: string }>('SELECT rows_total AS total FROM headgate.collector_position WHERE collector = $1', [name]);
    if (Number(rows[0]?.total) === messages) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Rows and position in one transaction, as Headgate has them; the next messages come while it runs. No row is looked at. */
async function byScript(): Promise<void> {
  const client = new pg.Client(shop.databaseUrl);
  await client.connect();
  await client.query(`CREATE SCHEMA IF NOT EXISTS bench; DROP TABLE IF EXISTS bench.streamed; CREATE TABLE IF NOT EXISTS bench.position (sequence bigint);
    CREATE TABLE bench.streamed (${Object.entries(COLUMNS)
      .map(([name, type]) => `${name} ${type}`)
      .join(', ')})`);
  const names = Object.keys(COLUMNS);
  const values = Object.values(COLUMNS).map((type, i) => `$${i + 1}::${type}[]`);
  const insert = { name: 'insert', text: `INSERT INTO bench.streamed (${names.join(', ')}) SELECT * FROM unnest(${values.join(', ')})` };
  const { name } = await manager.consumers.add(STREAM, { ack_policy: AckPolicy.All, durable_name: 'script', max_ack_pending: -1 });
  const consumer = await jetstream(nats).consumers.get(STREAM, name);
  const arriving = await consumer.consume({ max_messages: 2 * BATCH });
  let columns: unknown[][] = names.map(() => []);
  let read = 0;
  let writing: Promise<void> = Promise.resolve();
  for await (const message of arriving) {
    const row = message.json<Record<string, unknown>>();
    names.forEach((column, i) => columns[i]?.push(row[column]));
    read += 1;
    if (read % BATCH !== 0 && read !== messages) continue;
    const full = columns;
    columns = names.map(() => []);
    await writing;
    writing = (async () => {
      await client.query('BEGIN');
      await client.query({ ...insert, values: full });
      await client.query('INSERT INTO bench.position VALUES ($1)', [message.seq]);
      await client.query('COMMIT');
      message.ack();
    })();
    if (read === messages) break;
  }
  await writing;
  await manager.consumers.delete(STREAM, name);
  await client.end();
}
