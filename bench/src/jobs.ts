import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PgBoss } from 'pg-boss';
import { headgateJobs, headgateStore } from './headgate.ts';
import { median } from './statistics.ts';

/** Jobs that do nothing, taken and settled by our own loop, and by `work()` of the library that it stands on, on one PostgreSQL. */
const JOBS = Number(process.env['BENCH_JOBS'] ?? 10_000);
const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 3);
const MARK = 5_000;
/** Of these the loop fetches one while another is settled. */
const LARGEST_BATCH = 500;
/** Plain `work()` waits between batches, so that fewer jobs tell as much. */
const PLAIN_JOBS = Math.min(JOBS, 10);
const BATCH_JOBS = Math.min(JOBS, 5_000);
const silent = new Proxy({}, { get: () => () => undefined }) as never;

const { EmbeddedPostgres } = await headgateStore();
const { JobQueue } = await headgateJobs();
const folder = await mkdtemp(join(tmpdir(), 'headgate-bench-'));
const server = await EmbeddedPostgres.start({ folder: join(folder, 'postgres') });
try {
  const connection = server.connection;
  const boss = new PgBoss({ ...connection, schema: 'pgboss', schedule: false });
  await boss.start();
  const ways = ['ours', 'ours_grouped', 'batches', 'plain'] as const;
  const found = new Map<string, number[]>(ways.map((way) => [way, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const way of ways)
      found
        .get(way)
        ?.push(way.startsWith('ours') ? await ours(boss, `${way}_${round}`, way === 'ours_grouped') : await plain(boss, `${way}_${round}`, way === 'batches'));
  }
  const of = (way: string) => median(found.get(way) ?? []);
  const line = (name: string, way: string) =>
    console.log(
      `${name.padEnd(34)} ${of(way).toFixed(0).padStart(7)} jobs/s, ${(of(way) / of('plain')).toFixed(1)}x (${(found.get(way) ?? []).map((one) => one.toFixed(0)).join(' ')})`,
    );
  line('our loop', 'ours');
  line('our loop, limits of groups heeded', 'ours_grouped');
  line('pg-boss work(), 500 to a batch', 'batches');
  line('pg-boss work()', 'plain');
  console.log(`at least ${MARK} jobs/s: ${of('ours') >= MARK ? 'met' : 'missed'}`);
  await boss.stop({ graceful: false });

  /** With `grouped`, the jobs are of 1,000 groups of which four may run at a time. */
  async function ours(other: PgBoss, queue: string, grouped: boolean): Promise<number> {
    const jobs = await JobQueue.start({ connection, log: silent, queues: [queue] });
    await fill(other, queue, JOBS, grouped);
    const done = Promise.withResolvers<void>();
    let left = JOBS;
    const began = performance.now();
    const handler = async () => {
      left -= 1;
      if (left === 0) done.resolve();
    };
    jobs.work(queue, handler, { concurrency: 3 * LARGEST_BATCH, grouped });
    await done.promise;
    await jobs.stop();
    return (JOBS * 1000) / (performance.now() - began);
  }

  async function plain(other: PgBoss, queue: string, inBatches: boolean): Promise<number> {
    const count = inBatches ? BATCH_JOBS : PLAIN_JOBS;
    await other.createQueue(queue);
    await fill(other, queue, count, false);
    const done = Promise.withResolvers<void>();
    let left = count;
    const began = performance.now();
    await other.work(queue, { batchSize: inBatches ? 500 : 1, pollingIntervalSeconds: 0.5 }, async (batch: unknown[]) => {
      left -= batch.length;
      if (left === 0) done.resolve();
    });
    await done.promise;
    const seconds = (performance.now() - began) / 1000;
    await other.offWork(queue);
    return count / seconds;
  }

  async function fill(other: PgBoss, queue: string, count: number, grouped: boolean): Promise<void> {
    for (let from = 0; from < count; from += 1_000) {
      const size = Math.min(1_000, count - from);
      await other.insert(
        queue,
        Array.from({ length: size }, (_, i) => ({ data: { id: randomUUID() }, ...(grouped && { group: { id: `g${(from + i) % 1_000}`, tier: '4' } }) })),
      );
    }
  }
} finally {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
}
