import type { Actor, AuditFact, AuditLog } from '../audit/index.js';
import { loadCatalog, type Catalog, type Dataset } from '../catalog/index.js';
import { HeadgateError } from '../kernel/index.js';
import { advanceStage, WHOLE_LOAD, type RunContext, type RunEntity, type Runs } from '../lifecycle/index.js';
import { checkQuality } from '../quality/index.js';
import { identifier, render } from '../sql/index.js';
import type { Database, Transaction } from '../store/index.js';
import { compilePipeline, type CompiledPipeline } from './compile.js';
import { compute, workTable } from './compute.js';
import { dataError, isDataError } from './data-error.js';
import { PipelineEntity } from './pipeline.entity.js';
import { declarationsOf, publishOf, type PipelineSpec } from './pipeline-spec.js';
import { publishRows, type Published } from './publish.js';

/**
 * What follows when the rows are in the dataset, in the transaction that puts them there.
 * @param snapshot of PostgreSQL, from before the rows were computed; undefined when an attempt before this one computed them
 */
export type AfterPublish = (tx: Transaction, dataset: Dataset, run: RunEntity, snapshot: string | undefined) => Promise<void>;

export interface PipelineRunOptions {
  readonly database: Database;
  readonly runs: Runs;
  readonly audit: Pick<AuditLog, 'recordIn'>;
  readonly timeoutMs: number;
  readonly afterPublish?: AfterPublish;
}

interface Prepared {
  readonly compiled: CompiledPipeline;
  readonly catalog: Catalog;
  readonly output: Dataset;
}

/** One attempt at a run of a pipeline: compute into a work table, then publish from it in one transaction. */
export class PipelineRun {
  readonly #options: PipelineRunOptions;
  readonly #run: RunEntity;
  readonly #context: RunContext;
  readonly #started = performance.now();
  #snapshot: string | undefined;

  constructor(options: PipelineRunOptions, run: RunEntity, context: RunContext) {
    this.#options = options;
    this.#run = run;
    this.#context = context;
  }

  async perform(): Promise<void> {
    const prepared = await this.#prepare();
    const rows = (await this.#computedBefore(prepared)) ?? (await this.#compute(prepared));
    this.#context.progress({ rowsRead: rows });
    this.#context.signal.throwIfAborted();
    await this.#publish(prepared, rows);
  }

  async #prepare(): Promise<Prepared> {
    const { database } = this.#options;
    const name = this.#run.pipeline ?? '';
    return database.transaction(async (tx) => {
      const pipeline = await tx.manager.findOneBy(PipelineEntity, { name });
      if (!pipeline) throw new HeadgateError('NOT_FOUND', `There is no pipeline "${name}" any more.`, { pipeline: name });
      const catalog = await loadCatalog(tx);
      const output = catalog.datasets.get(pipeline.output);
      if (!output)
        throw new HeadgateError('NOT_FOUND', `The dataset ${pipeline.output}, which the pipeline makes, is not there. Apply its manifest again.`, {
          pipeline: name,
        });
      return { catalog, output, compiled: await compilePipeline(tx, pipeline.spec, readable(catalog, pipeline.name), failFor(pipeline.spec)) };
    }, 'REPEATABLE READ');
  }

  /** What an attempt before this one has computed and a crash left to be published. */
  async #computedBefore({ compiled }: Prepared): Promise<number | undefined> {
    const { database, runs } = this.#options;
    if (this.#run.attempt === 1) return undefined;
    const [steps = []] = await runs.stepsOf([this.#run.id]);
    const computed = steps.filter(({ kind }) => kind !== 'publish');
    const expected = computed.at(-1)?.rowsOut;
    // The pipeline may have been changed since: rows that it made as it was do not belong under its new contract.
    const isSame = compiled.steps.length === computed.length && compiled.steps.every((step, i) => render(step.sql).text === computed[i]?.statement);
    if (!isSame || expected === undefined || expected === null || !computed.every(({ status }) => status === 'SUCCEEDED')) return undefined;
    const [table] = await database.query<{ name: string | null }>('SELECT to_regclass($1)::text AS name', [`work.${workTable(this.#run.id)}`]);
    if (!table?.name) return undefined;
    const [found] = await database.query<{ n: string }>(`SELECT count(*)::text AS n FROM ${workTableSql(this.#run.id)}`);
    return found?.n === expected ? Number(expected) : undefined;
  }

  /** The steps are one statement, so they begin and end together; the rows are known before the first and after the last. */
  async #compute({ compiled, catalog }: Prepared): Promise<number> {
    const { database, runs, timeoutMs } = this.#options;
    const { steps } = compiled;
    const read = await this.#rowsOf(catalog);
    const [state] = await database.query<{ snapshot: string }>('SELECT pg_current_snapshot()::text AS snapshot');
    this.#snapshot = state?.snapshot;
    for (const [position, step] of steps.entries()) {
      await runs.stepStarted(database, this.#run, { position, name: step.name, kind: step.kind, statement: render(step.sql).text });
    }
    return compute(compiled, this.#run.id, { database, timeoutMs, signal: this.#context.signal }, async (tx, rows) => {
      for (const [position, step] of steps.entries()) {
        const rowsIn = step.reads.length === 0 ? undefined : step.reads.reduce((sum, name) => sum + (read.get(name) ?? 0), 0);
        await runs.stepFinished(tx, this.#run, position, { ...(rowsIn !== undefined && { rowsIn }), ...(step === compiled.result && { rowsOut: rows }) });
      }
    });
  }

  async #rowsOf(catalog: Catalog): Promise<ReadonlyMap<string, number>> {
    const rows = await this.#options.database.query<{ name: string; n: number }>(
      'SELECT name, row_count::float8 AS n FROM headgate.dataset WHERE name = ANY($1)',
      [[...catalog.datasets.keys()]],
    );
    return new Map(rows.map(({ name, n }) => [name, n]));
  }

  async #publish({ compiled, catalog, output }: Prepared, rows: number): Promise<void> {
    const { database, runs } = this.#options;
    const { spec, steps } = compiled;
    const publish = publishOf(spec);
    const position = steps.length;
    const name = spec.steps.at(-1)?.name ?? 'publish';
    await runs.stepStarted(database, this.#run, { position, name, kind: 'publish' });
    try {
      await database.transaction(async (tx) => {
        const published = await publishRows(tx, workTable(this.#run.id), output, publish.mode ?? 'replace', catalog);
        await this.#options.afterPublish?.(tx, output, this.#run, this.#snapshot);
        await advanceStage(tx, output.name, WHOLE_LOAD);
        await checkQuality(tx, output, { runId: this.#run.id });
        await this.#record(tx, compiled, output, published);
        await runs.stepFinished(tx, this.#run, position, { rowsIn: rows, rowsOut: published.loaded });
        await tx.query(`DROP TABLE ${workTableSql(this.#run.id)}`);
        await runs.finish(tx, this.#run, { rowsRead: published.rows, rowsLoaded: published.loaded, rowsDeduplicated: published.unchanged });
      });
    } catch (error) {
      if (isDataError(error)) throw dataError(error, name);
      throw error;
    }
  }

  /** What was read, dataset by dataset with the fields, and what was made: with the rows, or not at all. */
  async #record(tx: Transaction, compiled: CompiledPipeline, output: Dataset, { rows, dataVersion }: Published): Promise<void> {
    const details = { run: this.#run.id, pipeline: compiled.spec.name };
    const actor = actorOf(this.#run);
    const reads = [...compiled.reads].map(([dataset, fields]): AuditFact => ({
      actor,
      action: 'pipeline.read',
      dataset,
      fields: [...fields].toSorted(),
      decision: 'ALLOWED',
      details,
    }));
    await this.#options.audit.recordIn(tx, ...reads, {
      actor,
      action: 'pipeline.run',
      dataset: output.name,
      decision: 'ALLOWED',
      rowCount: rows,
      durationMs: performance.now() - this.#started,
      details: { ...details, ...declarationsOf(compiled.spec), dataVersion },
    });
  }
}

/** Whoever asked for the run. */
export function actorOf(run: RunEntity): Actor {
  const roles = Array.isArray(run.input.roles) ? run.input.roles.filter((role) => typeof role === 'string') : [];
  return { subject: run.requestedBy, roles };
}

export function workTableSql(runId: string): string {
  return render(identifier('work', workTable(runId))).text;
}

function readable(catalog: Catalog, pipeline: string): ReadonlyMap<string, Dataset> {
  return new Map([...catalog.datasets].filter(([, { producedBy }]) => producedBy !== pipeline));
}

/** It compiled when it was applied; what it reads has changed since in a way that no apply saw. */
function failFor(spec: PipelineSpec): (path: readonly (string | number)[], message: string) => never {
  return (path, message) => {
    throw new HeadgateError('CONFLICT', `The pipeline ${spec.name} no longer fits to what it reads: ${message}. Apply its manifest again.`, {
      pipeline: spec.name,
      path: path.join('.'),
    });
  };
}
