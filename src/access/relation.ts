import type { Dataset, Relation } from '../catalog/index.js';
import { join, sql, type Sql } from '../sql/index.js';
import type { Source } from './source.js';

/** To-one relations to follow from a dataset, outermost first. */
export type Through = readonly { readonly relation: Relation; readonly target: Dataset }[];

/** The rows of `there` that belong to a row of `here`, by the values as the principal sees them. */
export function related(relation: Relation, here: Pick<Source, 'named'>, there: Source): Sql {
  return join(
    relation.on.map(({ local, remote }) => sql`${there.key(remote)} = ${here.named(local)}`),
    ' AND ',
  );
}
