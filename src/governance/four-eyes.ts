import type { Dataset } from '../catalog/index.js';
import { accessDiff, mayOpen, type AccessChange } from './access-diff.js';
import type { ChangeRules } from './change-policy.js';
import type { DatasetGrant, Policy } from './policy.js';

/**
 * Whether a change must wait for a second person: it would show somebody more of a watched field, or it would make what comes
 * after it do so unwatched. What grants name is compared audience by audience, so what only shows where two of them meet in one
 * person, or in what a later change may do, is looked for beside.
 */
export function needsSecondPerson(before: Policy, after: Policy, rules: ChangeRules, changes: readonly AccessChange[] = accessDiff(before, after)): boolean {
  if (changes.some((change) => mayOpen(change) && rules.isWatched(change.tags))) return true;
  return [...after.catalog.datasets].some(([name, is]) => {
    const was = before.catalog.datasets.get(name);
    if (!was) return false;
    const isWatched = (field: string): boolean => rules.isWatched([...tagsOf(was, field), ...tagsOf(is, field)]);
    const grants = [before.grantsOn.get(name) ?? [], after.grantsOn.get(name) ?? []] as const;
    return losesWatch(was, is, rules) || asksOthers(was, is, grants[1], isWatched) || losesDenial(...grants, isWatched) || tellsOtherwise(...grants, isWatched);
  });
}

/** Without its tag a field is watched no more, by the next change. */
function losesWatch(was: Dataset, is: Dataset, rules: ChangeRules): boolean {
  return was.fields.some(({ name, tags }) => {
    const field = is.fields.find((candidate) => candidate.name === name);
    return field !== undefined && tags.some((tag) => rules.isWatched([tag]) && !field.tags.includes(tag));
  });
}

/** Consents of other people count, or other people make a group large enough. */
function asksOthers(was: Dataset, is: Dataset, grants: readonly DatasetGrant[], isWatched: (field: string) => boolean): boolean {
  const matters = was.consent !== undefined || is.consent !== undefined || grants.some(({ spec }) => spec.aggregateOnly);
  return matters && was.subject !== is.subject && is.fields.some(({ name }) => isWatched(name));
}

/** A denial may be all that keeps somebody from what another grant shows them. */
function losesDenial(were: readonly DatasetGrant[], are: readonly DatasetGrant[], isWatched: (field: string) => boolean): boolean {
  const reachOf = ({ spec: { to, purposes, rows, rights } }: DatasetGrant): string => JSON.stringify([to, purposes, rows, rights]);
  const denies = (grant: DatasetGrant, field: string): boolean => grant.effects.get(field)?.kind === 'deny';
  return were.some((grant) =>
    [...grant.effects.keys()].some(
      (field) => denies(grant, field) && isWatched(field) && !are.some((other) => reachOf(other) === reachOf(grant) && denies(other, field)),
    ),
  );
}

/** By a row filter, or by the mask of another field. */
function tellsOtherwise(were: readonly DatasetGrant[], are: readonly DatasetGrant[], isWatched: (field: string) => boolean): boolean {
  return are.some(
    (grant) =>
      (grant.shows || grant.spec.aggregateOnly !== undefined) &&
      (grant.spec.discloses ?? []).some(isWatched) &&
      !were.some(({ fingerprint }) => fingerprint === grant.fingerprint),
  );
}

function tagsOf({ fields }: Dataset, name: string): readonly string[] {
  return fields.find((field) => field.name === name)?.tags ?? [];
}
