import { columnType, type Dataset } from '../catalog/index.js';
import { newId } from '../kernel/index.js';
import type { Transaction } from '../store/index.js';
import { rowResult, scoresOf, statusOf, type CheckResult } from './check-result.js';
import { QualityCheckEntity, QualityReportEntity } from './quality-report.entity.js';
import { uniqueRules, type UniqueRule } from './row-rules.js';
import { columnsOf, countRepeated, keptUnique, rowRulesOf, scanRows, type Scan } from './scan.js';

export interface QualityResult {
  readonly report: QualityReportEntity;
  readonly checks: readonly QualityCheckEntity[];
}

/**
 * Checks the rows that `tx` sees against the contract and stores the report in `tx`: one pass for everything that can be
 * counted row by row, and one for each unique rule that no unique index answers.
 */
export async function checkQuality(tx: Transaction, dataset: Dataset, { runId }: { readonly runId?: string } = {}): Promise<QualityResult> {
  const rules = rowRulesOf(dataset);
  const scan = await scanRows(tx, dataset, rules);
  const results: CheckResult[] = [...rowChecks(scan), ...rowCountChecks(dataset, scan.rows)];
  const kept = await keptUnique(tx, dataset);
  for (const rule of repeatRules(dataset)) {
    // What the table itself keeps unique need not be counted: over a million rows that takes longer than all other checks.
    const isKept = kept.some((columns) => columns.every((column) => rule.fields.includes(column)));
    const failing = isKept ? 0 : await countRepeated(tx, dataset, rule);
    const expected = `no two rows with the same ${rule.fields.join(', ')}`;
    results.push(rowResult({ name: rule.name, dimension: 'consistency', severity: rule.severity, fields: rule.fields, expected }, failing, scan.rows));
  }
  results.push(schemaCheck(dataset, await columnsOf(tx, dataset)));
  if (dataset.freshness) results.push(freshnessCheck(dataset.freshness, scan.ageSeconds));
  return store(tx, dataset, runId, scan.rows, results);
}

function rowChecks({ failing, rows }: Scan): CheckResult[] {
  return [...failing].map(([{ name, dimension, severity, reads, expected }, count]) => {
    const check = { name, dimension, severity, fields: reads, expected };
    return count === null ? { ...check, observed: 'the expression raises an error on some row', score: 0 } : rowResult(check, count, rows);
  });
}

/** The declared bounds; where none are declared, that there is anything at all. So each dataset has a check of completeness. */
function rowCountChecks({ rules }: Dataset, rows: number): CheckResult[] {
  const declared = rules.filter((rule) => rule.kind === 'rowCount');
  if (declared.length === 0) return [rowCountCheck('row_count', 'warn', rows, 1)];
  return declared.map(({ name, severity, low, high }) => rowCountCheck(name, severity, rows, low, high));
}

function rowCountCheck(name: string, severity: 'warn' | 'error', rows: number, low = 0, high = Number.POSITIVE_INFINITY): CheckResult {
  const expected = high === Number.POSITIVE_INFINITY ? `at least ${low} rows` : `${low} to ${high} rows`;
  const score = rows < low ? rows / low : rows > high ? high / rows : 1;
  return { name, dimension: 'completeness', severity, fields: [], observed: `${rows} rows`, expected, score };
}

function repeatRules(dataset: Dataset): UniqueRule[] {
  const key: UniqueRule[] = dataset.key.length > 0 ? [{ name: 'key', fields: dataset.key, severity: 'error' }] : [];
  return [...key, ...uniqueRules(dataset)];
}

function schemaCheck(dataset: Dataset, columns: ReadonlyMap<string, string>): CheckResult {
  const wanted = dataset.fields.length;
  const right = dataset.fields.filter((field) => columns.get(field.name) === serverType(field)).length;
  return {
    name: 'schema',
    dimension: 'consistency',
    severity: 'error',
    fields: [],
    observed: `${right} of ${wanted} columns`,
    expected: `${wanted} columns with the contract's types`,
    score: wanted === 0 ? 1 : right / wanted,
  };
}

/** The server's own names of the few types that have a short one. */
function serverType(field: Dataset['fields'][number]): string {
  return columnType(field)
    .replace(/^timestamptz/, 'timestamp with time zone')
    .replace(/^time(?=$|\[)/, 'time without time zone');
}

function freshnessCheck({ field, withinSeconds }: NonNullable<Dataset['freshness']>, age: number | null): CheckResult {
  const check = { name: 'freshness', dimension: 'timeliness', severity: 'error', fields: [field], expected: `at most ${withinSeconds} seconds old` } as const;
  if (age === null) return { ...check, observed: 'no value', score: 0 };
  const seconds = Math.max(0, Math.round(age));
  return { ...check, observed: `${seconds} seconds old`, score: seconds <= withinSeconds ? 1 : withinSeconds / seconds };
}

async function store(tx: Transaction, dataset: Dataset, runId: string | undefined, rows: number, results: readonly CheckResult[]): Promise<QualityResult> {
  const [state] = await tx.query<{ version: string }>('SELECT data_version::text AS version FROM headgate.dataset WHERE name = $1', [dataset.name]);
  const now = new Date();
  const report = tx.manager.create(QualityReportEntity, {
    id: newId(now.getTime()),
    dataset: dataset.name,
    contractVersion: dataset.contractVersion,
    dataVersion: state?.version ?? '0',
    runId: runId ?? null,
    rowCount: String(rows),
    ...scoresOf(results),
    createdAt: now,
  });
  const checks = results.map((result, position) =>
    tx.manager.create(QualityCheckEntity, {
      reportId: report.id,
      position,
      name: result.name,
      dimension: result.dimension,
      severity: result.severity,
      status: statusOf(result),
      fields: [...result.fields],
      observed: result.observed,
      expected: result.expected,
      failingRows: result.failingRows === undefined ? null : String(result.failingRows),
    }),
  );
  await tx.manager.insert(QualityReportEntity, report);
  if (checks.length > 0) await tx.manager.insert(QualityCheckEntity, checks);
  return { report, checks };
}
