import { HeadgateError } from '../kernel/index.js';
import { identifier, join, render, sql, type Sql } from '../sql/index.js';
import type { Transaction } from '../store/index.js';
import { contractChange } from './contract-change.js';
import type { DatasetSpec } from './dataset-spec.js';
import type { Fail } from './manifest-kind.js';
import type { Dataset } from './model.js';
import { completeTable, createTable, keyConstraint, keyName, tableOf } from './table.js';

/** How long a change of a table waits for loads and reads of it; reads that come meanwhile wait behind it. */
export const LOCK_TIMEOUT_MS = 1_000;

/** PostgreSQL's codes for a lock that could not be had in time, and for a deadlock that it ended. */
const BUSY_CODES = ['55P03', '40P01'];

/** The table of a new dataset, empty. Indexes are made once all datasets are there. */
export async function makeTable(tx: Transaction, dataset: Dataset): Promise<void> {
  for (const statement of [createTable(dataset), ...completeTable(dataset, [])]) await run(tx, statement);
}

/**
 * Brings the typed table to a new contract. Rows are kept as they are; what could lose some of them is refused with
 * CONFLICT, unless the table is empty or `rebuild` says that its rows can be made again: true when it was emptied.
 */
export async function changeTable(
  tx: Transaction,
  before: DatasetSpec,
  after: DatasetSpec,
  dataset: Dataset,
  { fail, rebuild = false, follows = false }: { readonly fail: Fail; readonly rebuild?: boolean; readonly follows?: boolean },
): Promise<boolean> {
  const change = contractChange(before, after, follows);
  if (change.alterations.length === 0 && change.blockers.length === 0 && !change.keyChanged) return false;
  return withLockTimeout(tx, dataset.name, async () => {
    const table = tableSql(dataset);
    await run(tx, sql`LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
    const [blocker] = change.blockers;
    if (rebuild || !(await exists(tx, sql`SELECT 1 FROM ${table}`))) {
      if (!blocker && (await tryChange(tx, dataset, change, before))) return false;
      await run(tx, sql`DROP TABLE ${table}`);
      await makeTable(tx, dataset);
      return true;
    }
    if (blocker) fail(blocker.path, blocker.message, 'CONFLICT');
    for (const name of change.newlyRequired) {
      if (!(await exists(tx, sql`SELECT 1 FROM ${table} WHERE ${identifier(name)} IS NULL`))) continue;
      const i = after.fields.findIndex((field) => field.name === name);
      const isKey = after.key?.includes(name);
      fail(
        ['fields', i, 'required'],
        `${name} can't become ${isKey ? 'part of the key' : 'required'}: there are rows without a value. Load their values first`,
        'CONFLICT',
      );
    }
    if (await tryChange(tx, dataset, change, before)) return false;
    return fail(
      ['key'],
      `the rows that are there are not told apart by ${dataset.key.join(', ')}: some have the same values. Choose other fields, or mend the rows first`,
      'CONFLICT',
    );
  });
}

/** Takes all rows away; the table stays, with the key of the contract. */
export async function emptyTable(tx: Transaction, dataset: Dataset): Promise<void> {
  await withLockTimeout(tx, dataset.name, async () => {
    await run(tx, sql`DROP TABLE ${tableSql(dataset)}`);
    await makeTable(tx, dataset);
  });
}

/** False when the rows that are there break the new key or the new NOT NULL; nothing is changed then. */
async function tryChange(tx: Transaction, dataset: Dataset, change: ReturnType<typeof contractChange>, before: DatasetSpec): Promise<boolean> {
  const table = tableSql(dataset);
  await tx.query('SAVEPOINT change_table');
  try {
    if (change.keyChanged && (before.key ?? []).length > 0) await run(tx, sql`ALTER TABLE ${table} DROP CONSTRAINT ${identifier(keyName(dataset))}`);
    if (change.alterations.length > 0) await run(tx, sql`ALTER TABLE ${table} ${join(change.alterations)}`);
    if (change.keyChanged && dataset.key.length > 0) await run(tx, sql`ALTER TABLE ${table} ADD ${keyConstraint(dataset)}`);
  } catch (error) {
    // 23502: a null where none may be; 23505: two rows with one key.
    if (!['23502', '23505'].includes(codeOf(error))) throw error;
    await tx.query('ROLLBACK TO SAVEPOINT change_table');
    return false;
  }
  await tx.query('RELEASE SAVEPOINT change_table');
  return true;
}

export async function dropTable(tx: Transaction, name: string): Promise<void> {
  await withLockTimeout(tx, name, () => run(tx, sql`DROP TABLE ${tableSql({ name })}`));
}

/** @throws HeadgateError CONFLICT with `busy: true` when loads or reads hold the tables for too long. */
export async function withLockTimeout<T>(tx: Transaction, what: string, work: () => Promise<T>): Promise<T> {
  const [row] = await tx.query<{ old: string }>("SELECT current_setting('lock_timeout') AS old");
  await tx.query("SELECT set_config('lock_timeout', $1, true)", [`${LOCK_TIMEOUT_MS}ms`]);
  let result: T;
  try {
    result = await work();
  } catch (cause) {
    if (!BUSY_CODES.includes(codeOf(cause))) throw cause;
    throw new HeadgateError(
      'CONFLICT',
      `${what} is in use by a load or a long read, so it could not be changed. Nothing was changed; try again when that has ended.`,
      { name: what, busy: true },
      { cause },
    );
  }
  await tx.query("SELECT set_config('lock_timeout', $1, true)", [row?.old ?? '0']);
  return result;
}

/** PostgreSQL's code of an error, or nothing. */
export function codeOf(error: unknown): string {
  const code = (error as { readonly code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}

function tableSql(dataset: Pick<Dataset, 'name'>): Sql {
  const { schema, name } = tableOf(dataset);
  return identifier(schema, name);
}

async function exists(tx: Transaction, query: Sql): Promise<boolean> {
  return (await tx.query(render(sql`${query} LIMIT 1`).text)).length > 0;
}

async function run(tx: Transaction, statement: Sql): Promise<void> {
  await tx.query(render(statement).text);
}
