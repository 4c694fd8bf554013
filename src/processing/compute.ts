import { HeadgateError } from '../kernel/index.js';
import { identifier, render } from '../sql/index.js';
import { cancelOnAbort, type Database, type Transaction } from '../store/index.js';
import { statementOf, type CompiledPipeline } from './compile.js';
import { dataError, isCancelled, isDataError } from './data-error.js';

export interface ComputeOptions {
  readonly database: Database;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** The table in the schema `work` that holds the result of a run until it is published. */
export function workTable(runId: string): string {
  return `pipeline_${runId.replaceAll('-', '')}`;
}

/**
 * Runs the pipeline's one statement into the run's work table, as a role that can read datasets and write to `work` and can do
 * nothing else. `done` is in the same transaction: the table is there exactly when what it wrote is.
 * @throws HeadgateError DATA_REJECTED with the step's name for data that it can't work with; TIMEOUT; what `signal` aborts with.
 */
export async function compute(
  compiled: CompiledPipeline,
  runId: string,
  options: ComputeOptions,
  done: (tx: Transaction, rows: number) => Promise<void>,
): Promise<number> {
  const table = render(identifier('work', workTable(runId))).text;
  try {
    return await limited(options, async (tx) => {
      await tx.query(`DROP TABLE IF EXISTS ${table}`);
      await tx.query('SET LOCAL ROLE headgate_pipeline');
      // Rows that can be computed again need no write-ahead log; after a crash of the server the table is empty, which is noticed.
      const { rowCount } = await tx.client.query(`CREATE UNLOGGED TABLE ${table} AS ${compiled.statement}`);
      await tx.query('RESET ROLE');
      const rows = rowCount ?? 0;
      await done(tx, rows);
      return rows;
    });
  } catch (error) {
    options.signal.throwIfAborted();
    if (isDataError(error)) throw dataError(error, await failingStep(compiled, options));
    if (isCancelled(error)) throw timeout(options.timeoutMs);
    throw error;
  }
}

/** The first step that raises when its rows are computed and counted: the statement as a whole does not tell. */
async function failingStep(compiled: CompiledPipeline, options: ComputeOptions): Promise<string> {
  for (const step of compiled.steps) {
    const raises = await limited(options, async (tx) => {
      await tx.query('SET LOCAL ROLE headgate_pipeline');
      // The row as a whole, or PostgreSQL would leave out the columns that nobody asks for.
      await tx.query(`SELECT count(q) FROM (${statementOf(compiled.steps, step)} OFFSET 0) AS q`);
    }).then(
      () => false,
      (error: unknown) => isDataError(error),
    );
    if (raises) return step.name;
  }
  return compiled.result.name;
}

/** A transaction with a time limit, whose statement ends when the signal aborts. */
async function limited<T>({ database, timeoutMs, signal }: ComputeOptions, work: (tx: Transaction) => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  return database.transaction(async (tx) => {
    await tx.query(
      `SELECT set_config('statement_timeout', $1, true), set_config('search_path', 'pg_catalog', true),
        -- A statement whose client was killed ends soon, and does not hold the run's table from the next attempt; not every platform can look.
        CASE WHEN version() ~ 'linux|darwin|bsd' THEN set_config('client_connection_check_interval', '1000', true) END`,
      [String(timeoutMs)],
    );
    const stop = await cancelOnAbort(database.connection, tx, signal);
    try {
      return await work(tx);
    } finally {
      await stop();
    }
  });
}

function timeout(timeoutMs: number): HeadgateError {
  return new HeadgateError(
    'TIMEOUT',
    `The pipeline took longer than ${Math.round(timeoutMs / 1000)} seconds and was ended. Nothing was changed. Read fewer rows (filter earlier), or index what is joined.`,
    {
      timeoutMs,
      // Another try would take as long.
      mayPass: false,
    },
  );
}
