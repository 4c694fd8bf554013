import type { Dataset, Field, ScalarType } from '../catalog/index.js';
import { compileExpression } from '../sql/index.js';
import { columnsOf } from './columns.js';
import type { GrantSpec } from './grant.js';

/**
 * Types of which equal values are the same value, to the byte. Of 1.5 and 1.50, or of 0 and -0, a condition could tell what a
 * cell holds together, and so take a part of it.
 */
const DIMENSION_TYPES: readonly ScalarType[] = ['text', 'integer', 'bigint', 'boolean', 'date', 'timestamp', 'time', 'uuid'];
const MEASURE_TYPES: readonly ScalarType[] = ['integer', 'bigint', 'decimal', 'float'];

export interface AggregateProblem {
  /** In the grant's document. */
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** Why numbers over the dataset's cells can't be had as the grant has it; undefined when they can, or it has no `aggregateOnly`. */
export function aggregateProblem(spec: GrantSpec, dataset: Dataset): AggregateProblem | undefined {
  if (!spec.aggregateOnly) return undefined;
  const { dimensions, measures } = spec.aggregateOnly;
  const problem = (key: string, message: string): AggregateProblem => ({ path: ['aggregateOnly', key], message: `${dataset.name}: ${message}` });
  const twice = [...dimensions, ...measures].find((name, i, all) => all.indexOf(name) < i);
  if (twice !== undefined) {
    return problem(measures.includes(twice) ? 'measures' : 'dimensions', `"${twice}" is named twice. A field is a dimension or a measure, once.`);
  }
  for (const [key, names, types] of [
    ['dimensions', dimensions, DIMENSION_TYPES],
    ['measures', measures, MEASURE_TYPES],
  ] as const) {
    for (const name of names) {
      const field = dataset.fields.find((candidate) => candidate.name === name);
      if (!field) return problem(key, `there is no field "${name}". Fields: ${dataset.fields.map((f) => f.name).join(', ')}.`);
      if (field.encrypted) return problem(key, `"${name}" is encrypted, and the database, which makes the cells, can't read it.`);
      if (field.list || !types.includes(field.type)) return problem(key, `"${name}" is ${typeOf(field)}; ${key} are ${types.join(', ')}.`);
      if (name === dataset.subject) return problem(key, `"${name}" says whom a row is about, and so it can be neither a dimension nor a measure.`);
    }
  }
  return rowsProblem(spec, dataset, dimensions);
}

/**
 * The row filter of such a grant makes the rows that cells are made of. Two of its answers must be over the same rows, or their
 * difference tells of the others: so it depends neither on the moment nor, outside of the dimensions, on who asks. A condition
 * on dimensions takes whole cells.
 */
function rowsProblem({ rows }: GrantSpec, dataset: Dataset, dimensions: readonly string[]): AggregateProblem | undefined {
  if (rows === undefined) return undefined;
  const { usesTime, isTotal, claims, columns } = compileExpression(rows, { columns: columnsOf(dataset), claims: true });
  const problem = (message: string): AggregateProblem => ({ path: ['rows'], message: `${dataset.name}: ${message}` });
  if (usesTime) return problem('with aggregateOnly the row filter can not depend on the time: the difference of two answers would tell of few rows.');
  if (!isTotal) return problem('with aggregateOnly the row filter must not raise an error on any row. Compare columns without arithmetic and casts.');
  const others = columns.filter((column) => !dimensions.includes(column));
  if (claims.length > 0 && others.length > 0) {
    return problem(
      `with aggregateOnly a row filter that reads a claim can depend on dimensions alone, and this one depends on ${others.join(', ')}: the answers of two principals could be subtracted from one another. Make it a dimension.`,
    );
  }
  return undefined;
}

function typeOf({ list, type }: Field): string {
  return list ? `a list of ${type}` : type;
}
