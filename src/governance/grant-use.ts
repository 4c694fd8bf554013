import type { Use } from '../audit/index.js';
import { ANONYMOUS, type Principal } from '../identity/index.js';
import { grantsFor, isForPurpose } from './decide.js';
import { RIGHTS, type Right } from './grant.js';
import type { DatasetGrant, Policy } from './policy.js';

export interface GrantUse {
  readonly grant: string;
  /** Acts that it took part in. */
  readonly acts: number;
  readonly lastUsedAt: Date | undefined;
}

/**
 * How often each grant in force took part in what the record tells was allowed: it names who acted, is for the purpose that
 * they declared, gives the right, and speaks of a field that was read. An act that several grants allowed is one of each.
 * It goes by the grants as they are now.
 */
export function grantUses(policy: Policy, uses: readonly Use[]): readonly GrantUse[] {
  const found = new Map<string, { acts: number; last: Date | undefined }>();
  for (const { name } of [...policy.grantsOn.values()].flat()) found.set(name, { acts: 0, last: undefined });
  for (const use of uses) {
    const dataset = policy.catalog.datasets.get(use.dataset);
    const right = RIGHTS.find((known) => known === use.action);
    if (!dataset || !right) continue;
    for (const grant of grantsFor(policy, actorOf(use), dataset, right)) {
      if (!isForPurpose(grant, use.purpose ?? undefined) || !speaksOf(grant, use, right)) continue;
      const so = found.get(grant.name) ?? { acts: 0, last: undefined };
      found.set(grant.name, { acts: so.acts + use.acts, last: so.last && so.last > use.last ? so.last : use.last });
    }
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([grant, { acts, last }]) => ({ grant, acts, lastUsedAt: last }));
}

function speaksOf({ effects, spec: { aggregateOnly } }: DatasetGrant, { fields }: Use, right: Right): boolean {
  // A count of rows reads no field, and is by all grants that show rows.
  return (
    right === 'ingest' ||
    fields.length === 0 ||
    fields.some((field) => effects.has(field) || aggregateOnly?.dimensions.includes(field) || aggregateOnly?.measures.includes(field))
  );
}

function actorOf({ principal, roles }: Use): Principal {
  if (principal === ANONYMOUS.subject && roles.length === 0) return ANONYMOUS;
  return { subject: principal, roles, purposes: [], claims: {}, anonymous: false };
}
