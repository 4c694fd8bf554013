import { columnType, ISO_PATTERNS, type ContractDrift, type Dataset, type Field, type ScalarType, type Widening } from '../catalog/index.js';
import { identifier, join, literal, sql, type Sql } from '../sql/index.js';
import { place } from './contract-rules.js';
import type { LandingJob } from './landing.js';
import { STAGE, stageShape, stageText } from './stage.js';
import { LANDED, rows } from './work-tables.js';

/** The rows want another contract than the one in force; nothing is wrong, the load begins again with that. */
export class Drifted extends Error {
  readonly drift: ContractDrift;
  constructor(drift: ContractDrift) {
    super('the contract follows the rows');
    this.drift = drift;
  }
}

/** The types that a field can widen to, each with all values of the ones before it. A number never becomes a float: that rounds. */
const WIDER: Readonly<Partial<Record<ScalarType, readonly ScalarType[]>>> = {
  integer: ['bigint', 'decimal'],
  bigint: ['decimal'],
  date: ['timestamp'],
};

const PATTERNS: Readonly<Partial<Record<ScalarType, Sql>>> = {
  bigint: literal('^[+-]?[0-9]+$'),
  decimal: literal('^[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([eE][+-]?[0-9]{1,3})?$'),
  timestamp: literal(ISO_PATTERNS.timestamp),
};

/**
 * How fields must widen for values that landed as misfits. A text is what a field becomes only when nothing narrower helps, more
 * of the values that came misfit than fit, and no rule looks at them.
 * @param fixedFields those whose type must stay; asked for when there are misfits
 */
export async function widenings(job: LandingJob, fixedFields: () => Promise<ReadonlySet<string>>): Promise<readonly Widening[]> {
  const { tx, dataset, rules } = job;
  const [bad] = await rows<{ places: number[] | null; staged: boolean }>(
    tx,
    sql`SELECT (SELECT array_agg(DISTINCT p)::int[] FROM ${LANDED} l, unnest(l._bad) AS p) AS places, to_regclass('pg_temp.stage') IS NOT NULL AS staged`,
  );
  if (!bad?.places || !bad.staged) return [];
  const misfits = new Set(bad.places);
  if (!dataset.fields.some(({ name }) => misfits.has(rules.typeOf.get(name) ?? -1))) return [];
  const fixed = await fixedFields();
  const found: Widening[] = [];
  for (const field of dataset.fields) {
    const at = rules.typeOf.get(field.name);
    if (at === undefined || !misfits.has(at) || fixed.has(field.name)) continue;
    const to = await widerType(job, field, dataset);
    if (to) found.push({ field: field.name, from: field.type, to });
  }
  return found;
}

async function widerType(job: LandingJob, field: Field, dataset: Dataset): Promise<ScalarType | undefined> {
  const candidates = WIDER[field.type] ?? [];
  const fits = candidates.map((type, i) => {
    const test = sql`m.text ~ ${PATTERNS[type] ?? literal('')} AND pg_input_is_valid(m.text, ${literal(columnType({ type, list: false }))})`;
    return sql`count(*) FILTER (WHERE ${test})::float8 AS ${identifier(`fit${i}`)}`;
  });
  const misfits = sql`SELECT ${stageText(job, field)} AS text FROM ${STAGE} s JOIN ${LANDED} l ON l._pos = s._pos
    WHERE l._bad @> ARRAY[${place(job.rules.typeOf.get(field.name))}] AND ${stageShape(job, field)}`;
  const good = sql`(SELECT count(${identifier(field.name)})::float8 FROM ${LANDED})`;
  const [counts] = await rows<Record<string, number>>(
    job.tx,
    sql`SELECT ${join([sql`count(*)::float8 AS misfits`, sql`${good} AS good`, ...fits])} FROM (${misfits} OFFSET 0) AS m`,
  );
  const most = Math.max(0, ...candidates.map((_, i) => counts?.[`fit${i}`] ?? 0));
  // The narrowest of those that as many values fit as fit any.
  if (most > 0) return candidates.find((_, i) => counts?.[`fit${i}`] === most);
  const isFree = field.type !== 'text' && field.rules.length === 0 && !dataset.rules.some(({ kind }) => kind === 'check');
  return isFree && (counts?.['misfits'] ?? 0) > (counts?.['good'] ?? 0) ? 'text' : undefined;
}
