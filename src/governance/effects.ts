import { UNCLASSIFIED, type Dataset, type Field } from '../catalog/index.js';
import type { Effect, GrantSpec } from './grant.js';
import { tagMatches } from './grant.js';
import { EFFECT_ORDER, maskProblem } from './mask.js';

/** The place of an effect in the one order from open (0) to closed. */
export function closedness(effect: Effect): number {
  return EFFECT_ORDER.indexOf(effect.kind);
}

/** Does the grant speak about this dataset? '*' and tags never reach a secret one. */
export function covers(spec: GrantSpec, dataset: Dataset): boolean {
  const { datasets, tags } = spec.on;
  if (datasets) return datasets.includes(dataset.name) || (datasets.includes('*') && dataset.visibility !== 'secret');
  return dataset.visibility !== 'secret' && dataset.fields.some((field) => hasTag(field, tags ?? []));
}

/** The grant's effect on each field that it speaks about. */
export function effectsOf(spec: GrantSpec, dataset: Dataset): ReadonlyMap<string, Effect> {
  const effects = new Map<string, Effect>();
  for (const field of dataset.fields) {
    const effect = effectOn(spec, field);
    // A column that came after the grant and whose type the mask can't keep stays closed.
    if (effect && !effectProblem(effect, field)) effects.set(field.name, withDisclosed(effect, spec));
  }
  return effects;
}

/** What an expression may read belongs to it: the same one in another grant may read less. */
function withDisclosed(effect: Effect, { discloses }: GrantSpec): Effect {
  return effect.kind === 'sql' && discloses ? { ...effect, discloses: discloses.toSorted() } : effect;
}

/** Why the effect can't be had on this field, if it is a mask that can't keep its type. */
export function effectProblem(effect: Effect, field: Field): string | undefined {
  return effect.kind === 'allow' || effect.kind === 'deny' ? undefined : maskProblem(effect, field);
}

/** A field's own entry beats a tag's, a tag's beats '*'; of several tags the strictest wins. */
export function effectOn(spec: GrantSpec, field: Field): Effect | undefined {
  // A grant on tags speaks about the fields that carry them, and about no other.
  if (spec.on.tags && !hasTag(field, spec.on.tags)) return undefined;
  const own = spec.fields[field.name];
  if (own) return own;
  if (field.visibility === 'secret') return undefined;
  const byTag = Object.entries(spec.fields)
    .filter(([key]) => key.startsWith('tag:') && hasTag(field, [key.slice(4)]))
    .map(([, effect]) => effect)
    .toSorted((a, b) => closedness(b) - closedness(a));
  if (byTag[0]) return byTag[0];
  // It came without being in the contract: it must be named, or classified.
  return field.tags.includes(UNCLASSIFIED) ? undefined : spec.fields['*'];
}

function hasTag(field: Field, granted: readonly string[]): boolean {
  return field.tags.some((tag) => granted.some((name) => tagMatches(name, tag)));
}
