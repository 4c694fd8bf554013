import { columnType, holdsOn, type Dataset } from '../catalog/index.js';
import { identifier, join, literal, param, raw, sql, type Sql } from '../sql/index.js';
import type { Transaction } from '../store/index.js';
import type { CapturedChanges } from './captured-changes.js';
import type { LoadMode } from './outcome.js';
import { heldSubjects } from './quarantine-acts.js';
import { LANDED, rows, run } from './work-tables.js';

const REASON = 'a newer change of the row was loaded';

/**
 * Rows in quarantine that are changes of a source are what was, once a newer change of the same key is loaded, or the whole table: to
 * replay them would bring back what is not so any more. So they are discarded, their values with them; legal holds keep them.
 * To be called when `landed` has the rows that will be loaded, and no other.
 * @returns how many
 */
export async function discardSuperseded(tx: Transaction, dataset: Dataset, mode: LoadMode, changes: CapturedChanges | undefined): Promise<number> {
  const waiting = sql`q.dataset_id = ${param(dataset.id, 'uuid')} AND q.captured AND q.state = 'OPEN'`;
  // Nearly always there is none, and then nothing is compared.
  if ((await rows(tx, sql`SELECT FROM headgate.quarantined_row q WHERE ${waiting} LIMIT 1`)).length === 0) return 0;
  if ((await holdsOn(tx, dataset.name)).length > 0) return 0;
  const kept = (await heldSubjects(tx, dataset)) ?? raw('false');
  const isWhole = mode === 'replace' || changes?.truncated === true;
  const isNewer = isWhole ? raw('true') : sql`EXISTS (SELECT FROM ${keysOf(dataset, changes)} AS k WHERE ${isOfKey(dataset)})`;
  return run(
    tx,
    sql`UPDATE headgate.quarantined_row q SET state = 'DISCARDED', raw = '{}', discarded_by = 'headgate', discarded_at = now(), discard_reason = ${literal(REASON)}
      WHERE ${waiting} AND NOT (${kept}) AND ${isNewer}`,
  );
}

/** The keys of all that is changed. */
function keysOf(dataset: Dataset, changes: CapturedChanges | undefined): Sql {
  const landed = sql`SELECT ${join(dataset.key.map((name) => identifier(name)))} FROM ${LANDED}`;
  if (!changes || changes.removed.length === 0) return sql`(${landed})`;
  const texts = dataset.key.map((name, i) => sql`(_v ->> ${raw(String(i))})::${typeOf(dataset, name)}`);
  return sql`(${landed} UNION ALL SELECT ${join(texts)} FROM jsonb_array_elements(${param(JSON.stringify(changes.removed), 'jsonb')}) AS _a(_v))`;
}

/** A refused row may have anything as its key. */
function isOfKey(dataset: Dataset): Sql {
  const parts = dataset.key.map((name) => {
    const [text, type] = [sql`(q.raw ->> ${literal(name)})`, typeOf(dataset, name)];
    return sql`k.${identifier(name)} = CASE WHEN pg_input_is_valid(${text}, ${literal(columnTypeOf(dataset, name))}) THEN ${text}::${type} END`;
  });
  return join(parts, ' AND ');
}

function typeOf(dataset: Dataset, name: string): Sql {
  return raw(columnTypeOf(dataset, name));
}

function columnTypeOf({ fields }: Dataset, name: string): string {
  const field = fields.find((one) => one.name === name);
  return field ? columnType(field) : 'text';
}
