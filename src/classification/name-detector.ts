import type { ScalarType } from '../catalog/index.js';
import type { ColumnSample, Detector, Finding } from './column-sample.js';
import { each } from './value-detector.js';

export interface NamedKind {
  readonly name: string;
  readonly tag: string;
  readonly types: readonly ScalarType[];
  /** How much the names of column and dataset speak for it, from 0 to 1. */
  readonly weight: (column: ColumnSample) => number;
  /** Values of a column of the kind look so; they can only speak against the name. */
  readonly looks: (value: string) => boolean;
  /** At least this share of the values must look so. */
  readonly least: number;
}

/** For kinds whose values any text could be: the name of the column says it, and values that can't be it speak against it. */
export function nameDetector({ name, tag, types, weight, looks, least }: NamedKind): Detector {
  return {
    name,
    tag,
    types,
    look(column): Finding | undefined {
      const { values } = column;
      const said = weight(column);
      if (said === 0 || values.length === 0) return undefined;
      const matching = each(looks)(values, true);
      const share = matching / values.length;
      if (share < least) return undefined;
      return { detector: name, tag, score: said * share, sampled: values.length, matching, byName: true };
    },
  };
}
