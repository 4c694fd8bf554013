import type { FastifyInstance } from 'fastify';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { AnswerCounts } from '../access/index.js';
import type { AuditFact } from '../audit/index.js';
import type { Database } from '../store/index.js';

/** The caches of a process, as they are when they are asked. */
export interface Caches {
  /** Plans of reads. */
  readonly plans: () => { readonly size: number; readonly hits: number; readonly misses: number; readonly evictions: number };
  readonly persistedQueries: () => number;
  readonly answers: () => AnswerCounts & { readonly shared: number; readonly size: number; readonly bytes: number; readonly evictions: number };
}

/**
 * The numbers of one process. No label holds the name of a dataset: that one is there may be a secret, and /metrics asks
 * nobody who they are.
 */
export class Metrics {
  readonly #registry = new Registry();
  readonly #requests: Histogram;
  readonly #acts: Counter;
  readonly #refused: Counter;
  readonly #posted: Counter;

  constructor(database: Database) {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    this.#requests = new Histogram({
      name: 'headgate_http_request_duration_seconds',
      help: 'Duration of HTTP requests, with their number, by route and status.',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60],
      registers,
    });
    this.#acts = new Counter({
      name: 'headgate_acts_total',
      help: 'Acts put on the record by this process: reads, loads, applies, refusals.',
      labelNames: ['action', 'decision'],
      registers,
    });
    this.#refused = new Counter({
      name: 'headgate_refused_total',
      help: 'Requests and reads refused for a limit, by reason: rate, anonymous, login, introspection, concurrency, overload.',
      labelNames: ['reason'],
      registers,
    });
    this.#posted = new Counter({
      name: 'headgate_audit_checkpoint_posts_total',
      help: 'Attempts to post a checkpoint of the audit, by result: taken, failed.',
      labelNames: ['result'],
      registers,
    });
    registers.forEach((register) => registerGauges(register, database));
  }

  /** Counts acts on their way to the record. */
  count(...facts: readonly AuditFact[]): void {
    for (const { action, decision } of facts) this.#acts.inc({ action, decision });
  }

  /** Shows the numbers of the caches from now on. */
  watch(caches: Caches): void {
    registerCaches(this.#registry, caches);
  }

  /** Counts what was refused for a limit. */
  refused(reason: string): void {
    this.#refused.inc({ reason });
  }

  /** Counts an attempt to post a checkpoint of the audit. */
  checkpointPosted(isTaken: boolean): void {
    this.#posted.inc({ result: isTaken ? 'taken' : 'failed' });
  }

  /** Says at each look how many connections and subscriptions are open. */
  watchSockets(counts: Readonly<Record<'connections' | 'subscriptions', () => number>>): void {
    const registers = [this.#registry];
    const help = { connections: 'Open WebSockets of this process.', subscriptions: 'Open subscriptions of this process.' };
    for (const what of ['connections', 'subscriptions'] as const) {
      const name = what === 'connections' ? 'headgate_websocket_connections' : 'headgate_subscriptions';
      const gauge = new Gauge({
        name,
        help: help[what],
        registers,
        collect() {
          this.set(counts[what]());
        },
      });
      void gauge;
    }
  }

  route(app: FastifyInstance): void {
    app.addHook('onResponse', (request, reply, done) => {
      const route = request.routeOptions.url ?? 'none';
      this.#requests.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1000);
      done();
    });
    app.get('/metrics', async (_request, reply) => reply.type(this.#registry.contentType).send(await this.#registry.metrics()));
  }
}

function registerGauges(register: Registry, database: Database): void {
  const registers = [register];
  const pool = new Gauge({
    name: 'headgate_pool_connections',
    help: 'Connections of the control pool, and requests that wait for one.',
    labelNames: ['state'],
    registers,
    collect() {
      const { totalCount, idleCount, waitingCount } = database.pool;
      this.set({ state: 'used' }, totalCount - idleCount);
      this.set({ state: 'idle' }, idleCount);
      this.set({ state: 'waiting' }, waitingCount);
    },
  });
  const runs = new Gauge({
    name: 'headgate_open_runs',
    help: 'Runs that are queued or running, in all processes.',
    labelNames: ['kind', 'status'],
    registers,
    async collect() {
      this.reset();
      const open = await database.query<{ kind: string; status: string; count: number }>(
        "SELECT kind, status, count(*)::int AS count FROM headgate.run WHERE status IN ('QUEUED', 'RUNNING') GROUP BY kind, status",
      );
      for (const { kind, status, count } of open) this.set({ kind, status }, count);
    },
  });
  const unsealed = new Gauge({
    name: 'headgate_audit_unsealed_seconds',
    help: 'Age of the oldest audit entry without its place in the chain; 0 when all have theirs.',
    registers,
    async collect() {
      const [row] = await database.query<{ age: number }>(
        'SELECT coalesce(extract(epoch FROM now() - min(at)), 0)::float8 AS age FROM headgate.audit_record WHERE seq IS NULL',
      );
      this.set(Math.max(row?.age ?? 0, 0));
    },
  });
  void [pool, runs, unsealed];
  registerStreams(register, database);
}

/** Streams of all processes, as their positions are told in the database. Whose they are is for GraphQL to tell, to who may know. */
function registerStreams(register: Registry, database: Database): void {
  const sum = async () => {
    const [row] = await database.query<Record<StreamNumber, number>>(
      `SELECT coalesce(sum(lag_messages), 0)::float8 AS lag, coalesce(max(lag_seconds), 0)::float8 AS seconds, coalesce(sum(lag_bytes), 0)::float8 AS bytes, coalesce(sum(rows_total), 0)::float8 AS rows,
         coalesce(sum(missed), 0)::float8 AS missed, count(*) FILTER (WHERE problem IS NOT NULL)::float8 AS problems FROM headgate.collector_position`,
    );
    return row;
  };
  // One look at the database for all of them.
  let looking: ReturnType<typeof sum> | undefined;
  const look = () => (looking ??= sum().finally(() => (looking = undefined)));
  const gauge = (name: string, help: string, number: StreamNumber) =>
    new Gauge({
      name,
      help,
      registers: [register],
      async collect() {
        this.set((await look())?.[number] ?? 0);
      },
    });
  void [
    gauge('headgate_stream_lag_messages', 'Messages that wait in the streams that are collected, all together.', 'lag'),
    gauge('headgate_stream_lag_seconds', 'How far behind the latest of the streams is.', 'seconds'),
    gauge('headgate_stream_lag_bytes', 'Bytes that PostgreSQL sources keep of their logs for collectors of changes, all together.', 'bytes'),
    gauge('headgate_stream_rows_total', 'Rows that were collected, since the collectors that there are began or were reset.', 'rows'),
    gauge('headgate_stream_missed_total', 'Messages that were gone before they were read.', 'missed'),
    gauge('headgate_stream_problems', 'Partitions from which nothing can be collected now.', 'problems'),
  ];
}

type StreamNumber = 'lag' | 'seconds' | 'bytes' | 'rows' | 'missed' | 'problems';

function registerCaches(register: Registry, { plans, persistedQueries, answers }: Caches): void {
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name,
      help,
      registers: [register],
      collect() {
        this.set(value());
      },
    });
  // Counted where it happens, and only read here.
  const counter = (name: string, help: string, values: () => Readonly<Record<string, number>>) =>
    new Counter({
      name,
      help,
      labelNames: ['result'],
      registers: [register],
      collect() {
        this.reset();
        for (const [result, value] of Object.entries(values())) this.inc({ result }, value);
      },
    });
  void [
    gauge('headgate_plans', 'Plans of reads that are kept, in all views.', () => plans().size),
    counter('headgate_plan_lookups_total', 'Plans that were asked for: found, or made anew.', () => ({ hit: plans().hits, miss: plans().misses })),
    counter('headgate_plan_evictions_total', 'Plans that made room for others.', () => ({ evicted: plans().evictions })),
    gauge('headgate_persisted_queries', 'Automatic persisted queries that are kept, in all views.', persistedQueries),
    gauge('headgate_answer_cache_entries', 'Answers that are kept in memory.', () => answers().size),
    gauge('headgate_answer_cache_bytes', 'Bytes that the answers in memory take.', () => answers().bytes),
    counter(
      'headgate_answer_lookups_total',
      'Answers that may be kept and were asked for: found in memory or in Redis, shared with a request that was under way, or read.',
      () => {
        const { hits, shared, joined, misses } = answers();
        return { memory: hits - shared, redis: shared, joined, miss: misses };
      },
    ),
    counter('headgate_answer_evictions_total', 'Answers in memory that made room for others.', () => ({ evicted: answers().evictions })),
  ];
}
