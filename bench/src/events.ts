import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { ServerProcess } from './server-process.ts';
import { Shop } from './shop.ts';
import { median } from './statistics.ts';

/**
 * Signed CloudEvents, one to a request, each acknowledged when it is durable: by Headgate, which takes them into its inbox, puts that
 * on the record and drains them into a dataset meanwhile; and by a script that inserts them in batches. By turns, in one run.
 */
const CONNECTIONS = Number(process.env['BENCH_CONNECTIONS'] ?? 128);
const SECONDS = Number(process.env['BENCH_SECONDS'] ?? 8);
const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 5);
const SECRET = 'a secret of the bench';
const WANTED = { eventsPerSecond: 5_000, p99Ms: 100 };
const MANIFEST = `
kind: Dataset
name: orders
fields:
  - { name: id, type: text }
  - { name: at, type: timestamp }
  - { name: order, type: bigint }
  - { name: customer, type: text }
  - { name: total, type: decimal }
---
kind: Source
name: bench
type: events
signature: { secrets: ['\${HEADGATE_SECRET_BENCH}'] }
maxWaiting: 100000000
---
kind: Collector
name: bench_orders
source: bench
dataset: orders
events: { fields: { id: $id, at: $time, order: /order, customer: /customer, total: /total } }
`;

interface Round {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

const sender = new URL('./events-sender.ts', import.meta.url).pathname;
const shop = await Shop.open();
try {
  const environment = { HEADGATE_SECRET_BENCH: SECRET, HEADGATE_RATE_LIMIT_EVENTS: '0' };
  const [headgate, script] = [await shop.serve('headgate', environment), await shop.serve('events-script', environment)];
  const applied = await fetch(`${headgate.url}/manifests`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${shop.adminToken}` },
    body: JSON.stringify({ files: [{ file: 'events.yaml', text: MANIFEST }] }),
  });
  if (!applied.ok) throw new Error(await applied.text());
  for (const server of [headgate, script]) await round(server, 2);
  const rounds = { headgate: [] as Round[], script: [] as Round[] };
  for (let i = 0; i < ROUNDS; i += 1) {
    rounds.script.push(await round(script, SECONDS));
    rounds.headgate.push(await round(headgate, SECONDS));
    const seconds = await drained();
    console.log(`round ${i + 1}: script ${told(rounds.script.at(-1))}, Headgate ${told(rounds.headgate.at(-1))}, drained ${seconds.toFixed(1)} s later`);
  }
  const ratio = median(rounds.headgate.map(({ perSecond }, i) => perSecond / (rounds.script[i]?.perSecond ?? Number.NaN)));
  const [perSecond, p99] = [median(rounds.headgate.map((one) => one.perSecond)), median(rounds.headgate.map((one) => one.p99))];
  console.log(`${CONNECTIONS} connections, median of ${ROUNDS} rounds of ${SECONDS} s: Headgate / script ${ratio.toFixed(2)}x`);
  console.log(
    `at least ${WANTED.eventsPerSecond} events/s at a p99 below ${WANTED.p99Ms} ms: ${perSecond >= WANTED.eventsPerSecond && p99 < WANTED.p99Ms ? 'met' : 'NOT met'}`,
  );
} finally {
  await shop.close();
}

function told(one: Round | undefined): string {
  return one ? `${one.perSecond.toFixed(0)} events/s (p50 ${one.p50.toFixed(1)} ms, p99 ${one.p99.toFixed(1)} ms)` : '';
}

async function round({ url }: ServerProcess, seconds: number): Promise<Round> {
  const { stdout } = await promisify(execFile)(process.execPath, [sender, url, SECRET, String(CONNECTIONS), String(seconds)]);
  const { count, p50, p99, statuses } = JSON.parse(stdout) as { count: number; p50: number; p99: number; statuses: Record<string, number> };
  if (statuses['202'] !== count) throw new Error(`not all were taken: ${JSON.stringify(statuses)}`);
  return { perSecond: count / seconds, p50, p99 };
}

/** Seconds until all is in the dataset. */
async function drained(): Promise<number> {
  const began = performance.now();
  for (;;) {
    const { rows } = await shop.database.query<{ waits: boolean }>('SELECT EXISTS (SELECT FROM headgate.inbox) AS waits');
    if (rows[0]?.waits === false) return (performance.now() - began) / 1000;
    if (performance.now() - began > 120_000) throw new Error('the events were not drained within two minutes');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
