import type { ScalarType } from '../catalog/index.js';
import type { ColumnSample, Detector, Finding } from './column-sample.js';

export interface ValueKind {
  readonly name: string;
  readonly tag: string;
  readonly types: readonly ScalarType[];
  /** Does the column's name speak for the kind? */
  readonly hint?: (name: string) => boolean;
  /** Does it speak against it? */
  readonly counterHint?: (name: string) => boolean;
  /** How likely a value that only looks alike is of the kind by chance: 1 in 10 for a check digit. */
  readonly chance: number;
  /** The share of values from which on they alone say it; below, the name must help. */
  readonly full: number;
  /** At most so many values are looked at; all of the sample when absent. */
  readonly most?: number;
  /** How many of the values are of the kind. `hinted`: the column's name speaks for it. */
  readonly count: (values: readonly string[], hinted: boolean) => number;
}

/** In powers of ten: what it takes to be sure that it is no chance. */
const SURE = 6;
/** So many values are looked at first. Of a column with a share of 5% of the kind, none is among them once in a hundred times. */
const FIRST_LOOK = 90;
/** A name that speaks for it is worth this share of values, and one that speaks against it costs this. */
const FOR = 0.3;
const AGAINST = 0.5;

/**
 * Scores a column by its values. The share of valid ones, against the share that is enough, says how much of the column is of
 * the kind; how many there are, against how likely each is by chance, says how sure that is; the name adds to both.
 */
export function valueDetector(kind: ValueKind): Detector {
  const { name, tag, types, chance, full } = kind;
  return {
    name,
    tag,
    types,
    look(column: ColumnSample): Finding | undefined {
      const hinted = kind.hint?.(column.name) ?? false;
      const against = kind.counterHint?.(column.name) ?? false;
      const values = kind.most === undefined ? column.values : column.values.slice(0, kind.most);
      if (isNothing(kind, values, hinted)) return undefined;
      const matching = Math.round(kind.count(values, hinted));
      if (matching === 0) return undefined;
      const evidence = matching * -Math.log10(chance) + (hinted ? SURE : 0);
      const share = Math.min(1, matching / values.length / full) + (hinted ? FOR : 0) - (against ? AGAINST : 0);
      const score = Math.max(0, Math.min(1, share)) * Math.min(1, evidence / SURE);
      return { detector: name, tag, score, sampled: values.length, matching, byName: hinted };
    },
  };
}

/** Most columns are of no kind, and some values tell: where none of these is of it, too few of all are to be proposed. */
function isNothing(kind: ValueKind, values: readonly string[], hinted: boolean): boolean {
  if (values.length === 0) return true;
  const step = Math.floor(values.length / FIRST_LOOK);
  if (step < 2) return false;
  const some = values.filter((_, i) => i % step === 0);
  return kind.count(some, hinted) === 0;
}

/** How many values pass, one by one. */
export function each(passes: (value: string) => boolean): ValueKind['count'] {
  return (values) => values.reduce((sum, value) => sum + (passes(value) ? 1 : 0), 0);
}
