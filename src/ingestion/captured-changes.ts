import { columnType, isHeld, loadHolds, type Dataset } from '../catalog/index.js';
import { identifier, join, param, raw, sql, type Sql } from '../sql/index.js';
import type { Transaction } from '../store/index.js';
import { place, type ContractRules } from './contract-rules.js';
import { tableOf } from './duplicates.js';
import { LANDED, run } from './work-tables.js';

/** The texts of a row's key, in the order of the contract's. */
export type KeyTexts = readonly (string | null)[];

/** What changes of a source do beside the rows that they bring. The keys of all of them, and of the rows, differ. */
export interface CapturedChanges {
  /** All rows that were there go. */
  readonly truncated: boolean;
  /** Rows that are not there any more. */
  readonly removed: readonly KeyTexts[];
  /** Rows, by their line, of which the source did not send some fields because they did not change; and the key that the row had. */
  readonly unchanged: readonly { readonly line: number; readonly key: KeyTexts; readonly fields: readonly string[] }[];
}

export interface Gone {
  readonly removed: number;
  /** Those that were not there, or that a legal hold keeps. */
  readonly kept: number;
}

const T = raw('t');

/** Does them, between the landing of the rows and their checks. */
export async function applyChanges(tx: Transaction, dataset: Dataset, rules: ContractRules, changes: CapturedChanges): Promise<Gone> {
  if (changes.unchanged.length > 0) await keepUnchanged(tx, dataset, rules, changes.unchanged);
  const mayGo = await withoutHeld(tx, dataset);
  const table = tableOf(dataset);
  const truncated = changes.truncated ? await run(tx, sql`DELETE FROM ${table} t WHERE ${mayGo}`) : 0;
  if (changes.removed.length === 0) return { removed: truncated, kept: 0 };
  const keys = sql`(SELECT _v AS k FROM jsonb_array_elements(${param(JSON.stringify(changes.removed), 'jsonb')}) AS _a(_v))`;
  const removed = await run(tx, sql`DELETE FROM ${table} t USING ${keys} r WHERE ${isKey(dataset, sql`r.k`)} AND ${mayGo}`);
  return { removed: truncated + removed, kept: changes.removed.length - removed };
}

/** What was not sent is what is there. Where nothing is there, the row can't be known: it is refused. */
async function keepUnchanged(tx: Transaction, dataset: Dataset, rules: ContractRules, unchanged: CapturedChanges['unchanged']): Promise<void> {
  await tx.query('CREATE TEMP TABLE unchanged (line bigint, key jsonb, fields text[]) ON COMMIT DROP');
  const given = param(JSON.stringify(unchanged), 'jsonb');
  await run(tx, sql`INSERT INTO pg_temp.unchanged SELECT line, key, fields FROM jsonb_to_recordset(${given}) AS r(line bigint, key jsonb, fields text[])`);
  const names = new Set(unchanged.flatMap(({ fields }) => fields));
  for (const name of names) {
    const field = identifier(name);
    const has = sql`u.line = l._pos AND ${param(name, 'text')} = ANY (u.fields)`;
    await run(
      tx,
      sql`UPDATE ${LANDED} l SET ${field} = t.${field} FROM pg_temp.unchanged u, ${tableOf(dataset)} t WHERE ${has} AND ${isKey(dataset, sql`u.key`)}`,
    );
    const isThere = sql`EXISTS (SELECT FROM ${tableOf(dataset)} t WHERE ${isKey(dataset, sql`u.key`)})`;
    const bad = sql`coalesce(l._bad, '{}') || ${place(rules.typeOf.get(name))}`;
    await run(tx, sql`UPDATE ${LANDED} l SET _bad = ${bad} FROM pg_temp.unchanged u WHERE ${has} AND NOT ${isThere}`);
  }
}

/** @param texts an array of JSON */
function isKey(dataset: Dataset, texts: Sql): Sql {
  const parts = dataset.key.map((name, i) => {
    const field = dataset.fields.find((one) => one.name === name);
    return sql`${T}.${identifier(name)} = (${texts} ->> ${raw(String(i))})::${raw(field ? columnType(field) : 'text')}`;
  });
  return join(parts, ' AND ');
}

/** Rows that no legal hold keeps. */
async function withoutHeld(tx: Transaction, dataset: Dataset): Promise<Sql> {
  const holds = (await loadHolds(tx)).filter((hold) => isHeld(hold));
  if (holds.some(({ datasets }) => datasets?.includes(dataset.name))) return sql`false`;
  const subjects = holds.flatMap((hold) => hold.subjects ?? []);
  if (dataset.subject === undefined || subjects.length === 0) return sql`true`;
  return sql`(${T}.${identifier(dataset.subject)}::text = ANY (${param(subjects, 'text[]')})) IS NOT TRUE`;
}
