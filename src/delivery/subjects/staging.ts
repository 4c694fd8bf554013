import { identifier, render, sql } from '../../sql/index.js';
import type { Transaction } from '../../store/index.js';
import type { SubjectDataset } from './subject.js';

/** PostgreSQL's code for a table that is not there (any more). */
const NO_TABLE = '42P01';

/**
 * Takes a person out of what pipelines have computed and not published: the tables of runs that wait, or that a crash
 * interrupted. A run whose table lost rows computes them again. What a statement computes in this moment is not to be seen
 * from here: it is looked at when it is published (`refuseErased`). All other places where rows rest on their way are
 * temporary tables, or not committed, and end with the load that made them.
 */
export async function eraseStaged(tx: Transaction, targets: readonly SubjectDataset[], subject: string): Promise<number> {
  const tables = await tx.query<{ name: string; dataset: string; columns: string[] }>(
    `SELECT c.relname AS name, run.dataset, array(SELECT attname::text FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) AS columns
     FROM pg_catalog.pg_class c JOIN headgate.run ON c.relname = 'pipeline_' || replace(run.id::text, '-', '')
     WHERE c.relnamespace = 'work'::regnamespace AND c.relkind = 'r' AND run.dataset IS NOT NULL`,
  );
  let erased = 0;
  for (const { name, dataset, columns } of tables) {
    const target = targets.find((candidate) => candidate.dataset.name === dataset);
    if (!target || !columns.includes(target.field.name)) continue;
    await tx.query('SAVEPOINT staged');
    try {
      const { text } = render(sql`DELETE FROM ${identifier('work', name)} WHERE ${identifier(target.field.name)}::text = $1`);
      erased += (await tx.client.query(text, [subject])).rowCount ?? 0;
    } catch (error) {
      // The run has ended in this moment, and its table with it.
      if ((error as { code?: string }).code !== NO_TABLE) throw error;
      await tx.query('ROLLBACK TO SAVEPOINT staged');
    }
  }
  return erased;
}

/**
 * Loads that wait or are under way: what they bring is in a queue, a file or a socket, and was not looked into. One that
 * brings rows of the person is refused when it would commit.
 */
export async function openRuns(tx: Transaction, targets: readonly SubjectDataset[]): Promise<readonly { readonly id: string; readonly dataset: string }[]> {
  return tx.query(
    "SELECT id, dataset FROM headgate.run WHERE status IN ('QUEUED', 'RUNNING') AND kind IN ('INGESTION', 'PIPELINE') AND dataset = ANY ($1) ORDER BY created_at, id LIMIT 1000",
    [targets.map(({ dataset }) => dataset.name)],
  );
}

/** Datasets made of those that were touched, in which nothing says whose a row is: the person is in their sums until they are made again. */
export async function recomputed(tx: Transaction, touched: readonly string[], targets: readonly SubjectDataset[]): Promise<string[]> {
  const pipelines = await tx.query<{ inputs: string[]; output: string }>('SELECT inputs, output FROM headgate.pipeline ORDER BY name');
  const reached = new Set(touched);
  for (let before = -1; before !== reached.size;) {
    before = reached.size;
    for (const { inputs, output } of pipelines) if (inputs.some((input) => reached.has(input))) reached.add(output);
  }
  const withSubject = new Set(targets.map(({ dataset }) => dataset.name));
  return pipelines.flatMap(({ output }) => (reached.has(output) && !withSubject.has(output) ? [output] : [])).toSorted();
}
