import type { ApplyContext, Catalog, Dataset, Fail } from '../catalog/index.js';
import { aggregateProblem } from './aggregate-problem.js';
import { partitionOf } from './aggregate-only.js';
import { covers } from './effects.js';
import type { GrantSpec } from './grant.js';

/** What is wrong of a grant with `aggregateOnly` by itself. */
export function checkAggregate(spec: GrantSpec, datasets: readonly Dataset[], context: ApplyContext, fail: Fail): void {
  if (!spec.aggregateOnly) return;
  if (!spec.on.datasets || spec.on.datasets.includes('*'))
    fail(['on'], 'A grant with aggregateOnly needs the datasets by name: on: { datasets: [...] }. Its dimensions and measures are fields of theirs.');
  for (const dataset of datasets) {
    const problem = aggregateProblem(spec, dataset);
    if (problem) fail(problem.path, problem.message);
    if (dataset.subject === undefined)
      context.warn(
        `${dataset.name} names no subject, so for minGroup of grant ${spec.name} each row counts as somebody else. If somebody can have several rows, say whom they are about with "subject" in the contract.`,
      );
  }
}

/**
 * What is wrong of grants with `aggregateOnly` together: answers over cells of two kinds overlap, and their difference is in neither.
 * That their principals are not the same can't be known: roles are given elsewhere, and people talk.
 */
export function checkAggregatesTogether(
  inForce: ReadonlyMap<string, GrantSpec>,
  catalog: Catalog,
  { context, failOf, saved }: { context: ApplyContext; failOf: (name: string) => Fail; saved: ReadonlySet<string> },
): void {
  const grants = [...inForce.values()];
  for (const dataset of catalog.datasets.values()) {
    const here = grants.filter((grant) => covers(grant, dataset));
    const aggregating = here.filter((grant) => grant.aggregateOnly);
    for (const grant of aggregating) {
      const problem = saved.has(grant.name) ? undefined : aggregateProblem(grant, dataset);
      if (problem) failOf(grant.name)(problem.path, problem.message);
    }
    // Told at one that this apply wrote, wherever there is one.
    const [last, ...others] = aggregating.toSorted((a, b) => Number(saved.has(b.name)) - Number(saved.has(a.name)));
    const other = last && others.find((grant) => partitionOf(grant) !== partitionOf(last));
    if (last && other) {
      failOf(last.name)(
        ['aggregateOnly'],
        `Grant ${other.name} has aggregateOnly on ${dataset.name} too, with other dimensions, another minGroup or another row filter. Answers under the one could be subtracted from answers under the other. Give both the same dimensions, minGroup and rows; the measures can differ.`,
        'CONFLICT',
      );
    }
    for (const grant of aggregating) {
      for (const showing of here) {
        if (showing.aggregateOnly || !(saved.has(grant.name) || saved.has(showing.name)) || !reachesAlike(grant, showing)) continue;
        if (Object.values(showing.fields).every(({ kind }) => kind === 'deny')) continue;
        context.warn(
          `Grants ${grant.name} (aggregateOnly) and ${showing.name} (rows) on ${dataset.name} can reach one principal: for a purpose that both are for, it reads the rows and no numbers over hidden ones; for purposes of one of them each, it can subtract the rows that it knows from the numbers.`,
        );
      }
    }
  }
}

function reachesAlike({ to: a }: GrantSpec, { to: b }: GrantSpec): boolean {
  const [mine, theirs] = [a.roles ?? [], b.roles ?? []];
  if (a.anonymous && b.anonymous) return true;
  if (mine.some((role) => theirs.includes(role)) || (a.subjects ?? []).some((subject) => b.subjects?.includes(subject))) return true;
  return (mine.includes('*') && (theirs.length > 0 || b.subjects !== undefined)) || (theirs.includes('*') && (mine.length > 0 || a.subjects !== undefined));
}
