import type { AggregateDecision } from './decision.js';
import type { GrantSpec } from './grant.js';
import type { DatasetGrant } from './policy.js';

/**
 * What remains of the grants with `aggregateOnly`. Nothing, wherever answers could be subtracted from one another:
 * - Who is shown a row, by whatever right, knows some of the rows of a cell, and could take them off.
 * - Cells of two partitions overlap in parts that neither would give.
 * - In the rows of a denial nothing is seen; a cell without them would not be whole. So a denial that speaks of a dimension
 *   closes all, and one that speaks of a measure closes the measure.
 * @param grants all that name the principal and are for its purpose, whatever their rights
 */
export function decideAggregate(grants: readonly DatasetGrant[]): AggregateDecision | undefined {
  if (grants.some((grant) => grant.shows)) return undefined;
  const reading = grants.filter((grant) => grant.rights.has('read'));
  const aggregating = reading.flatMap(({ name, spec, rows, isBroken }) =>
    spec.aggregateOnly && !isBroken ? [{ name, spec, rows, ...spec.aggregateOnly }] : [],
  );
  const [first] = aggregating;
  if (!first || aggregating.some(({ spec }) => partitionOf(spec) !== partitionOf(first.spec))) return undefined;
  const isDenied = (field: string): boolean => reading.some(({ effects }) => effects.get(field)?.kind === 'deny');
  if (first.dimensions.some(isDenied)) return undefined;
  return {
    dimensions: first.dimensions,
    measures: [...new Set(aggregating.flatMap(({ measures }) => measures))].filter((field) => !isDenied(field)).toSorted(),
    minGroup: first.minGroup,
    rows: first.rows === undefined ? 'all' : [first.rows],
    grants: aggregating.map(({ name }) => name),
  };
}

/** Equal for grants whose answers are unions of the same cells. */
export function partitionOf({ rows, aggregateOnly }: GrantSpec): string {
  return JSON.stringify([rows, aggregateOnly?.dimensions, aggregateOnly?.minGroup]);
}
