import { ANONYMOUS, type Principal } from '../identity/index.js';
import type { Policy } from './policy.js';

/**
 * Whom grants can name: everybody of a role (`*`: everybody with a credential), one subject, or requests without a credential. A
 * principal may be several of them at once; then it sees what each of them sees, but for what a denial closes.
 */
export type Audience = { readonly kind: 'role' | 'subject'; readonly name: string } | { readonly kind: 'anonymous' };

/** All that the grants name, sorted; each once. */
export function audiencesOf(...policies: readonly Policy[]): readonly Audience[] {
  const found = new Map<string, Audience>();
  const add = (audience: Audience) => found.set(audienceText(audience), audience);
  for (const { grantsOn } of policies) {
    for (const { spec } of [...grantsOn.values()].flat()) {
      for (const name of spec.to.roles ?? []) add({ kind: 'role', name });
      for (const name of spec.to.subjects ?? []) add({ kind: 'subject', name });
      if (spec.to.anonymous) add({ kind: 'anonymous' });
    }
  }
  return [...found.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, audience]) => audience);
}

/** `role analyst`, `subject bob`, `anonymous`. */
export function audienceText(audience: Audience): string {
  return audience.kind === 'anonymous' ? 'anonymous' : `${audience.kind} ${audience.name}`;
}

/** Somebody who is this and nothing else, to be decided on. */
export function memberOf(audience: Audience, purpose: string | undefined): Principal {
  if (audience.kind === 'anonymous') return ANONYMOUS;
  return {
    // A NUL can't be in a subject: no grant names this one.
    subject: audience.kind === 'subject' ? audience.name : '\0',
    roles: audience.kind === 'role' && audience.name !== '*' ? [audience.name] : [],
    purposes: purpose === undefined ? [] : [purpose],
    ...(purpose !== undefined && { purpose }),
    claims: {},
    anonymous: false,
  };
}

/**
 * The purposes that make a difference on a dataset, for those who can declare one: those that its grants name, and none; where
 * some need consent, and none opens nothing, all that there are.
 */
export function purposesOn(dataset: string, { kind }: Audience, ...policies: readonly Policy[]): readonly (string | undefined)[] {
  if (kind === 'anonymous') return [undefined];
  const named = policies.flatMap(({ grantsOn }) => (grantsOn.get(dataset) ?? []).flatMap(({ spec }) => spec.purposes ?? []));
  const needed = policies.flatMap(({ catalog }) => (catalog.datasets.get(dataset)?.consent ? [...catalog.purposes.keys()] : []));
  return [undefined, ...[...new Set([...named, ...needed])].toSorted()];
}
