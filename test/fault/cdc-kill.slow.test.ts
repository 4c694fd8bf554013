import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Child } from '../support/child.js';
import { LogicalServer } from '../support/logical-server.js';
import { until } from '../support/processes.js';
import { Served } from '../support/served.js';
import { StatementRelay, type Verdict } from './statement-relay.js';

/** Kills at moments that are drawn, after the one at the steps; each takes as long as a takeover. `HEADGATE_TEST_LONG=5` for five. */
const RANDOM_KILLS = Number(process.env['HEADGATE_TEST_LONG'] ?? 1);
const RECOVERY_MS = 15_000;
/** What is no recovery may take longer on a slow machine. */
const PATIENCE_MS = 60_000;
const DECORATORS = join(import.meta.dirname, '../support/decorators.js');

/** One table for each step at which its worker is killed. */
const STEPS = {
  /** Its first copy is there, and not committed. */
  cdc_copy: 'commit',
  /** Changes are there, and not committed. */
  cdc_hold: 'commit',
  /** They are committed, and the worker never heard of it. */
  cdc_cut: 'committed',
  /** The rows are there, and the position is not moved yet. */
  cdc_move: 'move',
} as const;
type Table = keyof typeof STEPS;
const TABLES = Object.keys(STEPS) as Table[];
const COLUMNS = "id, version, coalesce(note, '-'), amount, at AT TIME ZONE 'UTC', coalesce(md5(big), '-')";

let source: LogicalServer;
let served: Served;
let admin: string;
let writer: Writer;
const workers: Worker[] = [];

beforeAll(async () => {
  const started = await LogicalServer.start('new');
  if ('reason' in started) throw new Error(started.reason);
  source = started;
  served = await Served.start({ HEADGATE_ROLES: 'gateway', ...secrets() });
  admin = await served.token('admin', ['admin', 'engineer', 'auditor']);
  await source.run('CREATE SEQUENCE versions; CREATE SEQUENCE ids START 1001');
  for (const table of TABLES) {
    await source.run(
      `CREATE TABLE ${table} (id bigint PRIMARY KEY, version bigint NOT NULL DEFAULT nextval('versions'), note text, amount numeric, at timestamptz, big text)`,
    );
    // A value that is not sent when it did not change.
    await source.run(`ALTER TABLE ${table} ALTER COLUMN big SET STORAGE EXTERNAL`);
    await source.run(
      `INSERT INTO ${table} (id, note, amount, at, big) SELECT g, 'row ' || g, g * 1.10, now(), repeat(md5(g::text), 100) FROM generate_series(1, 1000) g`,
    );
  }
  writer = await Writer.begin(source.url);
}, 60_000);

afterAll(async () => {
  for (const worker of workers) await worker.end();
  await writer?.stop();
  await served?.close();
  await source?.close();
});

const MASTER_KEY = randomBytes(32).toString('base64');
function secrets(): NodeJS.ProcessEnv {
  return { HEADGATE_MASTER_KEY: MASTER_KEY, HEADGATE_SECRET_ERP: source.url };
}

function documents(): string {
  const fields = ['id, type: bigint', 'version, type: bigint', 'note, type: text', 'amount, type: decimal', 'at, type: timestamp', 'big, type: text'];
  const declared = TABLES.map(
    (name) => `kind: Dataset
name: ${name}
fields: [${fields.map((field) => `{ name: ${field} }`).join(', ')}]
key: [id]
---
kind: Collector
name: ${name}
source: erp
dataset: ${name}
mode: merge
batch: { rows: 100, wait: 250ms }
postgres: { table: public.${name}, capture: {} }
`,
  );
  return ['kind: Source\nname: erp\ntype: postgres\nurl: ${HEADGATE_SECRET_ERP}\n', ...declared].join('---\n');
}

/** Changes the tables without a pause: several rows in a transaction, some of them taken back, and some larger than a batch. */
class Writer {
  transactions = 0;
  readonly #client: pg.Client;
  #isOver = false;
  #loop: Promise<void> = Promise.resolve();

  private constructor(client: pg.Client) {
    this.#client = client;
  }

  static async begin(url: string): Promise<Writer> {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => undefined);
    await client.connect();
    const writer = new Writer(client);
    writer.#loop = writer.#run();
    return writer;
  }

  async stop(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    await this.#loop;
    await this.#client.end();
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      await this.#client.query('BEGIN');
      // Each transaction changes all tables, so that none has nothing to collect.
      for (const table of TABLES) for (let i = 0; i < 3; i += 1) await this.#client.query(this.#change(table));
      if (this.transactions % 40 === 20) {
        // More changes than five batches may have: they land piece by piece.
        await this.#client.query(`UPDATE cdc_hold SET version = nextval('versions'), note = 'large ' || ${this.transactions} WHERE id <= 900`);
        await this.#client.query(`UPDATE cdc_move SET version = nextval('versions'), big = repeat(md5(random()::text), 100) WHERE id <= 700`);
      }
      if (this.transactions === 80) await this.#client.query('TRUNCATE cdc_cut');
      await this.#client.query(this.transactions % 7 === 3 ? 'ROLLBACK' : 'COMMIT');
      this.transactions += 1;
      await delay(60);
    }
  }

  #change(table: Table): string {
    const some = `id = (SELECT id FROM ${table} OFFSET floor(random() * (SELECT count(*) FROM ${table})) LIMIT 1)`;
    const kind = Math.floor(Math.random() * 10);
    if (kind < 4)
      return `INSERT INTO ${table} (id, note, amount, at, big) SELECT nextval('ids'), md5(random()::text), random(), now(), repeat(md5(random()::text), 100) FROM generate_series(1, 3)`;
    if (kind < 7) return `UPDATE ${table} SET version = nextval('versions'), note = md5(random()::text) WHERE ${some}`;
    // The row goes on under another key.
    if (kind < 8) return `UPDATE ${table} SET version = nextval('versions'), id = nextval('ids') WHERE ${some}`;
    return `DELETE FROM ${table} WHERE ${some}`;
  }
}

/** A process that does the work, and sees the store through a relay of its own. */
class Worker {
  readonly relay: StatementRelay;
  readonly #child: Child;
  readonly #home: string;

  private constructor(child: Child, relay: StatementRelay, home: string) {
    this.#child = child;
    this.relay = relay;
    this.#home = home;
  }

  static async start(): Promise<Worker> {
    const home = await mkdtemp(join(tmpdir(), 'headgate-cdc-'));
    const relay = await StatementRelay.to(served.connection);
    const { user, password, host, port, database } = relay.connection as pg.ClientConfig;
    const DATABASE_URL = `postgres://${user}:${encodeURIComponent(String(password))}@${host}:${port}/${database}`;
    const env = { ...process.env, ...secrets(), DATABASE_URL, HEADGATE_HOME: home, HEADGATE_ROLES: 'worker', LOG_LEVEL: 'silent' };
    const child = new Child(join(import.meta.dirname, '../streams/worker.ts'), [], { env: { ...env, NODE_OPTIONS: `--import ${DECORATORS}` } });
    const worker = new Worker(child, relay, home);
    workers.push(worker);
    return worker;
  }

  async ready(): Promise<void> {
    await this.#child.line();
  }

  async end(): Promise<void> {
    await this.#child.end('SIGKILL');
    this.relay.close();
    await rm(this.#home, { recursive: true, force: true });
  }
}

/** Stops each collector at its step, and tells when all of them are there. */
class Steps {
  readonly reached = new Set<Table>();
  readonly #tables = new Map<number, Table>();
  readonly #moving = new Set<number>();
  readonly #batches = new Map<Table, number>();

  judge = (text: string, connection: number): Verdict => {
    if (/^(BEGIN|START TRANSACTION)/i.test(text)) {
      this.#tables.delete(connection);
      this.#moving.delete(connection);
    }
    const named = TABLES.find((table) => text.includes(`"${table}"`));
    if (named) this.#tables.set(connection, named);
    const table = this.#tables.get(connection);
    if (!table) return 'pass';
    const isMove = text.includes('INSERT INTO headgate.collector_position AS p (collector, partition, position,');
    if (isMove) {
      this.#moving.add(connection);
      this.#batches.set(table, (this.#batches.get(table) ?? 0) + 1);
    }
    // The first batch is the copy, which the others shall have behind them.
    if (table !== 'cdc_copy' && (this.#batches.get(table) ?? 0) < 3) return 'pass';
    const step = isMove ? 'move' : /^COMMIT/i.test(text) && this.#moving.has(connection) ? 'commit' : undefined;
    if (step === undefined || this.reached.has(table) || (STEPS[table] === 'move') !== (step === 'move')) return 'pass';
    this.reached.add(table);
    return STEPS[table] === 'committed' ? 'cut-after' : 'hold';
  };
}

async function positions(): Promise<Map<string, number>> {
  const rows = (await served.sql('SELECT collector, updated_at AS at FROM headgate.collector_position')) as { collector: string; at: Date }[];
  return new Map(rows.map(({ collector, at }) => [collector, at.getTime()]));
}

/** Kills the one that works, when there is another: that goes on in time. */
async function takeOver(doomed: Worker): Promise<Worker> {
  const heir = await Worker.start();
  await heir.ready();
  await doomed.end();
  await goesOn(Date.now(), RECOVERY_MS);
  return heir;
}

/** Waits until each collector has landed something after a moment. */
async function goesOn(since: number, limitMs: number): Promise<void> {
  await until(
    'all collectors go on',
    async () => {
      const found = await positions();
      return TABLES.every((table) => (found.get(table) ?? 0) > since);
    },
    limitMs,
  );
}

/** So many rows, and the hash of all that they hold. */
function checksum(table: string): string {
  return `SELECT count(*)::int AS n, md5(coalesce(string_agg(md5(ROW(${COLUMNS})::text), '' ORDER BY id), '')) AS hash FROM ${table}`;
}

test('whatever its workers are killed at, a followed table is at the end what it is at its source, each change once', { timeout: 300_000 }, async () => {
  const applied = await served.ask(admin, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: documents() });
  expect(applied.errors).toBeUndefined();

  // Killed when each collector is at its step.
  const steps = new Steps();
  const first = await Worker.start();
  first.relay.judge = steps.judge;
  await first.ready();
  await until('each collector is at its step', () => steps.reached.size === TABLES.length, PATIENCE_MS);
  let worker = await takeOver(first);
  // From here on each write of a row is told: one that is not later than the one before of its key would have come twice.
  await served.sql('CREATE TABLE public.written (n bigserial, dataset text, id bigint, version bigint)');
  await served.sql(
    `CREATE FUNCTION public.tell() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN INSERT INTO public.written (dataset, id, version) VALUES (TG_TABLE_NAME, NEW.id, NEW.version); RETURN NEW; END $$`,
  );
  for (const table of TABLES) await served.sql(`CREATE TRIGGER tell AFTER INSERT OR UPDATE ON data."${table}" FOR EACH ROW EXECUTE FUNCTION public.tell()`);

  // And at moments that nobody chose.
  for (let kill = 0; kill < RANDOM_KILLS; kill += 1) {
    await delay(500 + Math.random() * 1_000);
    worker = await takeOver(worker);
  }

  await until('much was written', () => writer.transactions > 120, PATIENCE_MS);
  await writer.stop();
  for (const table of TABLES) {
    const [there] = await source.run(checksum(table));
    expect(there?.['n']).toBeGreaterThan(0);
    await until(
      `${table} is what it is at its source`,
      async () => {
        const [here] = (await served.sql(checksum(`data."${table}"`))) as unknown[];
        return JSON.stringify(here) === JSON.stringify(there);
      },
      PATIENCE_MS,
    );
  }
  const backwards = await served.sql(
    `SELECT * FROM (SELECT *, lag(version) OVER (PARTITION BY dataset, id ORDER BY n) AS before FROM public.written) w WHERE version <= before LIMIT 5`,
  );
  expect(backwards).toEqual([]);
  const [told] = (await served.sql('SELECT count(*)::int AS n, count(DISTINCT dataset)::int AS tables FROM public.written')) as { n: number; tables: number }[];
  expect(told?.n).toBeGreaterThan(100);
  expect(told?.tables).toBe(TABLES.length);
  expect(await served.sql('SELECT count(*)::int AS n FROM headgate.quarantined_row')).toEqual([{ n: 0 }]);
  // Slots of copies that did not come to their end are not left behind.
  expect(await source.run("SELECT count(*)::int AS n FROM pg_replication_slots WHERE slot_type = 'logical'")).toEqual([{ n: TABLES.length }]);
  // All that landed is on the record, and the record is whole.
  const [counts] = (await served.sql(
    `SELECT (SELECT sum(rows_read) FROM headgate.run WHERE collector IS NOT NULL)::int AS runs, (SELECT sum(rows_total) FROM headgate.collector_position)::int AS positions`,
  )) as { runs: number; positions: number }[];
  expect(counts?.runs).toBe(counts?.positions);
  const { data, errors } = await served.ask<{ auditVerification: { valid: boolean; entries: number } }>(
    admin,
    '{ auditVerification { valid entries problem { kind } } }',
  );
  expect(errors).toBeUndefined();
  expect(data.auditVerification).toMatchObject({ valid: true, problem: null });
});
