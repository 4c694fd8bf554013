import type { Effect } from './grant.js';
import type { DatasetGrant, Policy } from './policy.js';

/**
 * What a grant says about learning which value a token stands for. With the right `detokenize`, the value where it shows the field
 * plain or as a token, and nothing where it has another mask: that one is there to hide it. Its denials count with any rights,
 * since a denial of reading would be got round otherwise.
 */
export function asDetokenizing(grant: DatasetGrant): DatasetGrant | undefined {
  const may = grant.rights.has('detokenize');
  const effects = [...grant.effects].flatMap(([field, effect]): [string, Effect][] => {
    if (effect.kind === 'deny') return [[field, effect]];
    return may && (effect.kind === 'allow' || effect.kind === 'tokenize') ? [[field, { kind: 'allow' }]] : [];
  });
  if (!may && effects.length === 0) return undefined;
  return { ...grant, effects: new Map(effects), shows: may && grant.shows, fingerprint: `detokenize ${grant.fingerprint}` };
}

/** The scopes under which tokens of a field are handed out, to anybody: a token wanders from one principal to another. */
export function tokenScopes({ grantsOn }: Policy, dataset: string, field: string): readonly string[] {
  const own = `${dataset}.${field}`;
  const scopes = (grantsOn.get(dataset) ?? []).flatMap(({ effects }) => {
    const effect = effects.get(field);
    return effect?.kind === 'tokenize' ? [effect.scope ?? own] : [];
  });
  return [...new Set([own, ...scopes])].toSorted();
}
