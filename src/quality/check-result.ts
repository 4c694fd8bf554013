import type { Severity } from '../catalog/index.js';
import type { CheckStatus } from './quality-report.entity.js';
import type { Dimension } from './row-rules.js';

/** What one check found. */
export interface CheckResult {
  readonly name: string;
  readonly dimension: Dimension;
  readonly severity: Severity;
  readonly fields: readonly string[];
  readonly observed: string;
  readonly expected: string;
  readonly failingRows?: number;
  /** 1: as it should be; 0: not at all. */
  readonly score: number;
}

export function statusOf({ score, failingRows, severity }: CheckResult): CheckStatus {
  if (score === 1 && (failingRows ?? 0) === 0) return 'PASSED';
  return severity === 'warn' ? 'WARNED' : 'FAILED';
}

/** A breach of a rule that only warns counts half as much as one that is an error. */
const WEIGHT: Readonly<Record<Severity, number>> = { error: 1, warn: 0.5 };

export interface Scores {
  readonly score: number | null;
  readonly accuracy: number | null;
  readonly completeness: number | null;
  readonly consistency: number | null;
  readonly timeliness: number | null;
}

/**
 * A dimension's score is the mean of its checks' scores, weighted by severity; the overall score is the plain mean of the
 * dimensions that have checks. docs/quality.md has the formula with an example.
 */
export function scoresOf(results: readonly Pick<CheckResult, 'dimension' | 'severity' | 'score'>[]): Scores {
  const of = (dimension: Dimension): number | null => {
    const checks = results.filter((result) => result.dimension === dimension);
    const weight = checks.reduce((sum, { severity }) => sum + WEIGHT[severity], 0);
    return weight === 0 ? null : checks.reduce((sum, { severity, score }) => sum + WEIGHT[severity] * score, 0) / weight;
  };
  return withMean({ accuracy: of('accuracy'), completeness: of('completeness'), consistency: of('consistency'), timeliness: of('timeliness') });
}

/** A check of a report that was kept. */
type KeptCheck = Pick<CheckResult, 'dimension' | 'severity'> & { readonly status: CheckStatus; readonly failingRows: string | null };

/**
 * The scores for who is shown some of a report's checks: of those alone, so that they tell of no other. A dimension of which
 * one that is shown has no score that can be told from what was kept is null.
 */
export function scoresOfShown(report: Scores & { readonly rowCount: string }, all: readonly KeptCheck[], shown: readonly KeptCheck[]): Scores {
  if (shown.length === all.length) return report;
  const scoreOf = ({ failingRows, status }: KeptCheck): number => {
    if (status === 'PASSED') return 1;
    return failingRows === null || Number(report.rowCount) === 0 ? Number.NaN : 1 - Number(failingRows) / Number(report.rowCount);
  };
  const derived = scoresOf(shown.map((check) => ({ ...check, score: scoreOf(check) })));
  const of = (dimension: Dimension): number | null => {
    const count = (checks: readonly KeptCheck[]) => checks.filter((check) => check.dimension === dimension).length;
    if (count(all) === count(shown)) return report[dimension];
    return Number.isNaN(derived[dimension]) ? null : derived[dimension];
  };
  return withMean({ accuracy: of('accuracy'), completeness: of('completeness'), consistency: of('consistency'), timeliness: of('timeliness') });
}

function withMean(dimensions: Omit<Scores, 'score'>): Scores {
  const present = Object.values(dimensions).filter((score) => score !== null);
  return { ...dimensions, score: present.length === 0 ? null : present.reduce((sum, score) => sum + score, 0) / present.length };
}

/** The result of a check over rows. */
export function rowResult(check: Omit<CheckResult, 'observed' | 'score' | 'failingRows'>, failing: number, rows: number): CheckResult {
  const share = rows === 0 ? 0 : failing / rows;
  return {
    ...check,
    failingRows: failing,
    score: 1 - share,
    observed: failing === 0 ? `all ${rows} rows` : `${failing} of ${rows} rows do not (${percent(share)})`,
  };
}

function percent(share: number): string {
  return share < 0.0001 ? '< 0.01%' : `${Number((share * 100).toFixed(2))}%`;
}
