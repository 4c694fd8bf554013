import { AuditEntryEntity, AuditLog } from '../../../src/audit/index.js';
import {
  applyManifests,
  catalogEntities,
  datasetKind,
  legalHoldKind,
  parseManifests,
  sourceKind,
  type ApplyResult,
  type ManifestKind,
} from '../../../src/catalog/index.js';
import { AccessGrantEntity } from '../../../src/governance/index.js';
import { BatchLoads, CollectorEntity, collectorKind, Collectors, Loader, QuarantinedRowEntity, type CollectorType } from '../../../src/ingestion/index.js';
import { JobQueue } from '../../../src/jobs/index.js';
import { HeadgateError, silentLog } from '../../../src/kernel/index.js';
import { RUN_QUEUES, RunEntity, RunKeeper, Runs, RunStepEntity, STREAM_QUEUE } from '../../../src/lifecycle/index.js';
import { PipelineEntity } from '../../../src/processing/index.js';
import { Sources } from '../../../src/sources/index.js';
import { prepareParser } from '../../../src/sql/index.js';
import { Database, type Connection } from '../../../src/store/index.js';
import { createTestDatabase } from '../../support/database.js';
import { LIMITS } from '../setup.js';
import { temporaryHome } from '../service.js';

const ENGINEER = { subject: 'engineer@example.com', roles: ['engineer'], purposes: [], claims: {}, anonymous: false };

interface Opened {
  readonly types: ReadonlyMap<string, CollectorType>;
  readonly secrets: ReadonlyMap<string, string>;
  readonly connection: Connection;
  readonly drop: () => Promise<void>;
  readonly batches?: (batches: BatchLoads) => BatchLoads;
}

/** What collects, on a database of its own: a process that does the runs it is told to do. */
export class Collecting {
  readonly database: Database;
  readonly collectors: Collectors;
  readonly runs: Runs;
  readonly connection: Connection;
  readonly #sources: Sources;
  readonly #audit: AuditLog;
  readonly #close: () => Promise<void>;

  private constructor(parts: {
    database: Database;
    collectors: Collectors;
    runs: Runs;
    connection: Connection;
    sources: Sources;
    audit: AuditLog;
    close: () => Promise<void>;
  }) {
    this.database = parts.database;
    this.collectors = parts.collectors;
    this.runs = parts.runs;
    this.connection = parts.connection;
    this.#sources = parts.sources;
    this.#audit = parts.audit;
    this.#close = parts.close;
  }

  static async open(types: ReadonlyMap<string, CollectorType>, secrets: ReadonlyMap<string, string>): Promise<Collecting> {
    return Collecting.#on({ types, secrets, ...(await createTestDatabase()) });
  }

  /** Another process on the same database. */
  async beside(types: ReadonlyMap<string, CollectorType>): Promise<Collecting> {
    return Collecting.#on({ types, secrets: new Map(), connection: this.connection, drop: async () => undefined });
  }

  static async #on({ types, secrets, connection, drop }: Opened): Promise<Collecting> {
    await prepareParser();
    const entities = [...catalogEntities, AccessGrantEntity, PipelineEntity, QuarantinedRowEntity, RunEntity, RunStepEntity, AuditEntryEntity, CollectorEntity];
    const database = await Database.open({ connection, entities, statementTimeoutMs: 10_000 });
    const jobs = await JobQueue.start({ connection, log: silentLog, queues: [...Object.values(RUN_QUEUES), STREAM_QUEUE] });
    const runs = new Runs({ database, jobs, log: silentLog });
    const keeper = new RunKeeper({ runs, worker: 'test', log: silentLog });
    const audit = new AuditLog({ database, log: silentLog, mode: 'strict' });
    const { home, remove } = await temporaryHome();
    const loader = new Loader({ database, config: { home, filesDir: home, limits: LIMITS }, log: silentLog });
    await loader.start();
    const collectors = new Collectors({ database, runs, keeper, audit, batches: new BatchLoads({ database, loader, runs, audit }), types, log: silentLog });
    const sources = new Sources({ secrets, log: silentLog });
    const close = async () => {
      await collectors.close();
      await keeper.stop();
      await jobs.stop({ timeoutMs: 0 });
      await audit.close();
      await sources.close();
      await database.close();
      await drop();
      await remove();
    };
    return new Collecting({ database, collectors, runs, connection, sources, audit, close });
  }

  async apply(text: string): Promise<ApplyResult> {
    const kinds = [sourceKind, datasetKind, collectorKind, legalHoldKind] as unknown as ManifestKind[];
    return applyManifests({
      database: this.database,
      kinds,
      audit: this.#audit,
      actor: { subject: 'test', roles: ['admin'] },
      sources: this.#sources,
      documents: parseManifests([{ file: 'test.yaml', text }], kinds),
    });
  }

  /** What an apply is refused with. */
  async refusal(text: string): Promise<string> {
    const error: unknown = await this.apply(text).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (error instanceof HeadgateError) return `${error.message} ${JSON.stringify(error.details)}`;
    throw new Error('expected a refusal', { cause: error });
  }

  /** A run of a collector, begun now and waited for. */
  async collect(name: string, signal: AbortSignal = new AbortController().signal): Promise<RunEntity> {
    const { id } = await this.collectors.run(name, ENGINEER);
    // One that is to be tried again later is tried again now.
    await this.database.query("UPDATE headgate.run SET not_before = NULL WHERE id = $1 AND status = 'QUEUED'", [id]);
    await this.perform(id, signal);
    return this.runs.get(id);
  }

  async perform(id: string, signal: AbortSignal = new AbortController().signal): Promise<void> {
    await this.collectors.handler({ id } as never, { signal } as never);
  }

  async begin(name: string): Promise<string> {
    return (await this.collectors.run(name, ENGINEER)).id;
  }

  async rows(dataset: string, columns = '*', order = '1'): Promise<Record<string, unknown>[]> {
    const rows = await this.database.query<Record<string, unknown>>(`SELECT ${columns} FROM data."${dataset}" ORDER BY ${order}`);
    return rows.map(({ _rid: _, _load: __, ...row }) => row);
  }

  async position(name: string): Promise<unknown> {
    const [row] = await this.database.query<{ position: unknown }>('SELECT position FROM headgate.collector_position WHERE collector = $1', [name]);
    return row?.position;
  }

  async quarantined(): Promise<{ line: number; position: string; raw: unknown; rules: string[] }[]> {
    return this.database.query(
      `SELECT line::int, position, raw, ARRAY(SELECT r ->> 'rule' FROM jsonb_array_elements(reasons) r) AS rules FROM headgate.quarantined_row ORDER BY id`,
    );
  }

  async close(): Promise<void> {
    await this.#close();
  }
}
