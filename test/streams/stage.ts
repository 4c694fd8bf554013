import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { Child } from '../support/child.js';
import { Served } from '../support/served.js';
import { until } from '../support/processes.js';
import type { TestBroker } from './brokers.js';

export interface Wanted {
  /** What the document of the collector says beside source, dataset and the broker's part. */
  readonly collector?: object;
  /** What it asks of the broker. */
  readonly part?: object;
  readonly dataset?: object;
}

export interface Partition {
  readonly partition: string;
  readonly position: unknown;
  readonly lag_messages: string | null;
  readonly lag_seconds: number | null;
  readonly rows_per_second: number | null;
  readonly rows_total: string;
  readonly missed: string;
  readonly problem: string | null;
}

/** The program has decorators. */
const DECORATORS = join(import.meta.dirname, '../support/decorators.js');

/** Another process of the installation. */
export interface Worker {
  readonly child: Child;
  /** Part of the name under which runs are in its hands. */
  readonly mark: string;
  readonly home: string;
}

let serial = 0;

/** The whole program beside a broker: each test has a stream, a dataset and a collector of one name. */
export class Stage {
  readonly served: Served;
  readonly #broker: TestBroker;
  readonly #admin: string;
  readonly #secrets: NodeJS.ProcessEnv;
  readonly #workers = new Set<Worker>();

  private constructor(served: Served, broker: TestBroker, admin: string, secrets: NodeJS.ProcessEnv) {
    this.#secrets = secrets;
    this.served = served;
    this.#broker = broker;
    this.#admin = admin;
  }

  static async open(broker: TestBroker, env: NodeJS.ProcessEnv = {}): Promise<Stage> {
    const secrets = {
      HEADGATE_MASTER_KEY: randomBytes(32).toString('base64'),
      HEADGATE_OUTBOUND_ALLOW: [...new Set(['127.0.0.1', ...[broker.source.url].flat().map((url) => new URL(url).hostname)])].join(','),
    };
    const served = await Served.start({ ...secrets, ...env });
    const stage = new Stage(served, broker, await served.token('engineer@example.com', ['admin']), secrets);
    await stage.apply([{ kind: 'Source', name: 'broker', ...broker.source }]);
    return stage;
  }

  /** A name that nobody else has. */
  name(): string {
    serial += 1;
    return `streams_${process.pid}_${Date.now().toString(36)}_${serial}`;
  }

  async apply(documents: readonly object[]): Promise<void> {
    const text = documents.map((document) => JSON.stringify(document)).join('\n---\n');
    const response = await fetch(`${this.served.url}/manifests`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${this.#admin}` },
      body: JSON.stringify({ files: [{ file: 'test.yaml', text }] }),
    });
    if (!response.ok) throw new Error(await response.text());
  }

  documents(name: string, { collector, part, dataset }: Wanted = {}): readonly object[] {
    const fields = [
      { name: 'id', type: 'bigint' },
      { name: 'note', type: 'text' },
    ];
    return [
      { kind: 'Dataset', name, fields, ...dataset },
      { kind: 'Collector', name, source: 'broker', dataset: name, batch: { wait: '50ms' }, [this.#broker.type]: this.#broker.part(name, part), ...collector },
    ];
  }

  /** A stream, and a collector that follows it. */
  async follow(wanted: Wanted = {}): Promise<string> {
    const name = this.name();
    await this.#broker.create(name);
    await this.apply(this.documents(name, wanted));
    return name;
  }

  async ids(name: string): Promise<number[]> {
    const rows = (await this.served.sql(`SELECT id::float8 AS id FROM data."${name}" ORDER BY id`)) as { id: number }[];
    return rows.map(({ id }) => id);
  }

  /** Waits until so many rows are there. */
  async loaded(name: string, count: number, limitMs = 15_000): Promise<void> {
    await until(`${count} rows in ${name}`, async () => (await this.count(name)) >= count, limitMs);
  }

  async count(name: string): Promise<number> {
    const [row] = (await this.served.sql(`SELECT count(*)::int AS n FROM data."${name}"`)) as { n: number }[];
    return row?.n ?? 0;
  }

  /** The partition that messages are published to, where nothing else is said. */
  async partition(name: string, partition = this.#broker.partition(name)): Promise<Partition | undefined> {
    const [row] = (await this.served.sql(
      `SELECT * FROM headgate.collector_position WHERE collector = '${name}' AND partition = '${partition}'`,
    )) as Partition[];
    return row;
  }

  async refused(name: string): Promise<{ position: string; raw: Record<string, string | null>; reasons: { rule: string; message: string }[] }[]> {
    return (await this.served.sql(
      `SELECT q.position, q.raw, q.reasons FROM headgate.quarantined_row q JOIN headgate.dataset d ON d.id = q.dataset_id WHERE d.name = '${name}' ORDER BY q.id`,
    )) as never;
  }

  async runs(name: string): Promise<
    {
      id: string;
      status: string;
      partition: string;
      worker: string | null;
      rows_read: string;
      rows_loaded: string;
      error_code: string | null;
      error_message: string | null;
    }[]
  > {
    return (await this.served.sql(`SELECT * FROM headgate.run WHERE collector = '${name}' ORDER BY created_at, id`)) as never;
  }

  /** The law of all of it: each id of 1 to n once, and as many in the counts of the runs. */
  async expectExactly(name: string, ids: readonly number[]): Promise<void> {
    expect(await this.ids(name)).toEqual(ids);
    const runs = await this.runs(name);
    expect(runs.reduce((sum, { rows_loaded }) => sum + Number(rows_loaded), 0)).toBe(ids.length);
  }

  /** Starts a process that follows streams, and nothing else. */
  async worker(): Promise<Worker> {
    const home = await mkdtemp(join(tmpdir(), 'headgate-worker-'));
    const { user, password, host, port, database } = this.served.connection;
    const DATABASE_URL = `postgres://${user}:${encodeURIComponent(password)}@/${database}?host=${encodeURIComponent(host)}&port=${port}`;
    const env = {
      ...process.env,
      ...this.#secrets,
      DATABASE_URL,
      HEADGATE_HOME: home,
      HEADGATE_ROLES: 'worker',
      LOG_LEVEL: 'silent',
      NODE_OPTIONS: `--import ${DECORATORS}`,
    };
    const child = new Child(join(import.meta.dirname, 'worker.ts'), [], { env });
    const worker = { child, home, mark: `/${child.process.pid}/` };
    this.#workers.add(worker);
    await child.line();
    return worker;
  }

  async dismiss(worker: Worker, signal?: NodeJS.Signals): Promise<void> {
    this.#workers.delete(worker);
    await worker.child.end(signal);
    await rm(worker.home, { recursive: true, force: true });
  }

  /** Which of the workers follows the partition that messages are published to. */
  async holder(name: string, workers: readonly Worker[]): Promise<Worker | undefined> {
    const run = (await this.runs(name)).find(({ status, partition }) => status === 'RUNNING' && partition === this.#broker.partition(name));
    return workers.find(({ mark }) => run?.worker?.includes(mark));
  }

  /** How many runs of streams each worker has, in the order of the workers. */
  async shares(workers: readonly Worker[]): Promise<number[]> {
    const running = (await this.served.sql("SELECT worker FROM headgate.run WHERE collector IS NOT NULL AND status = 'RUNNING'")) as { worker: string }[];
    return workers.map(({ mark }) => running.filter(({ worker }) => worker.includes(mark)).length);
  }

  async close(): Promise<void> {
    for (const worker of this.#workers) await this.dismiss(worker, 'SIGKILL');
    await this.served.close();
  }
}

export function rows(from: number, to: number, more: object = {}): string[] {
  return Array.from({ length: to - from + 1 }, (_, i) => JSON.stringify({ id: from + i, note: `row ${from + i}`, ...more }));
}

export function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}
