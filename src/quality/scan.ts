import type { Dataset } from '../catalog/index.js';
import { identifier, join, raw, render, sql, type Sql } from '../sql/index.js';
import type { Transaction } from '../store/index.js';
import { rowRulePredicates, type RowRule, type UniqueRule } from './row-rules.js';

/** What one pass over the rows found. */
export interface Scan {
  readonly rows: number;
  /** For each rule how many rows break it; null where its expression raised on a row. */
  readonly failing: ReadonlyMap<RowRule, number | null>;
  /** Seconds since the newest value of the freshness field; null when there is none. */
  readonly ageSeconds: number | null;
}

/** The rules of a dataset that are about single rows, over the alias `_d` of its table. */
export function rowRulesOf(dataset: Dataset): readonly RowRule[] {
  return rowRulePredicates(dataset, (name) => sql`_d.${identifier(name)}`);
}

/**
 * Counts the rows and what breaks each rule, all in one pass. Only when that pass raises (a `check` divides by zero in some
 * row) each `check` gets a pass of its own, so that it spoils no other.
 */
export async function scanRows(tx: Transaction, dataset: Dataset, rules: readonly RowRule[]): Promise<Scan> {
  const whole = await attempt(tx, dataset, rules);
  if (whole) return whole;
  const scan = await attempt(
    tx,
    dataset,
    rules.filter(({ kind }) => kind !== 'check'),
  );
  if (!scan) throw new Error('A rule that can not raise did.');
  const failing = new Map(scan.failing);
  for (const rule of rules) {
    if (rule.kind === 'check') failing.set(rule, (await attempt(tx, dataset, [rule]))?.failing.get(rule) ?? null);
  }
  return { ...scan, failing };
}

/** How many rows share their values with another row. */
export async function countRepeated(tx: Transaction, dataset: Dataset, rule: Pick<UniqueRule, 'fields'>): Promise<number> {
  const columns = rule.fields.map((field) => identifier(field));
  const [row] = await run<{ failing: string }>(
    tx,
    sql`SELECT coalesce(sum(_n), 0)::text AS failing FROM (SELECT count(*) AS _n FROM ${identifier('data', dataset.name)}
        WHERE ${join(
          columns.map((column) => sql`${column} IS NOT NULL`),
          ' AND ',
        )} GROUP BY ${join(columns)} HAVING count(*) > 1) AS _g`,
  );
  return Number(row?.failing ?? 0);
}

/** The lists of columns in which the table can not have the same values twice, nulls aside. */
export async function keptUnique(tx: Transaction, dataset: Dataset): Promise<readonly (readonly string[])[]> {
  const rows = await tx.query<{ columns: string[] }>(
    `SELECT (SELECT array_agg(attname::text) FROM pg_catalog.pg_attribute a WHERE a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey::int2[])) AS columns
     FROM pg_catalog.pg_index i
     WHERE i.indrelid = to_regclass(format('data.%I', $1::text)) AND i.indisunique AND i.indisvalid AND i.indimmediate
       AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indnkeyatts = i.indnatts`,
    [dataset.name],
  );
  return rows.map(({ columns }) => columns);
}

/** The types of the table's columns as the server has them. */
export async function columnsOf(tx: Transaction, dataset: Dataset): Promise<ReadonlyMap<string, string>> {
  const rows = await tx.query<{ name: string; type: string }>(
    `SELECT attname AS name, format_type(atttypid, NULL) AS type FROM pg_catalog.pg_attribute
     WHERE attrelid = to_regclass(format('data.%I', $1::text)) AND attnum > 0 AND NOT attisdropped`,
    [dataset.name],
  );
  return new Map(rows.map(({ name, type }) => [name, type]));
}

async function attempt(tx: Transaction, dataset: Dataset, rules: readonly RowRule[]): Promise<Scan | undefined> {
  const counts = rules.map(({ failing }) => sql`(count(*) FILTER (WHERE ${failing}))::text`);
  const { freshness } = dataset;
  const age = freshness
    ? sql`extract(epoch FROM now() - max(_d.${identifier(freshness.field)})::timestamptz)::double precision`
    : raw('NULL::double precision');
  const select = sql`SELECT count(*)::text AS "rows", ${age} AS age, ARRAY[${join(counts)}]::text[] AS failing FROM ${identifier('data', dataset.name)} AS _d`;
  await tx.query('SAVEPOINT quality_scan');
  try {
    const [row] = await run<{ rows: string; age: number | null; failing: string[] }>(tx, select);
    await tx.query('RELEASE SAVEPOINT quality_scan');
    return { rows: Number(row?.rows ?? 0), ageSeconds: row?.age ?? null, failing: new Map(rules.map((rule, i) => [rule, Number(row?.failing[i] ?? 0)])) };
  } catch (error) {
    // Class 22: the data raised (division by zero, out of range). Anything else is not the rule's fault.
    if (!(error as { code?: string }).code?.startsWith('22')) throw error;
    await tx.query('ROLLBACK TO SAVEPOINT quality_scan');
    return undefined;
  }
}

async function run<Row extends object>(tx: Transaction, statement: Sql): Promise<Row[]> {
  const { text, values } = render(statement);
  return tx.query<Row>(text, values);
}
