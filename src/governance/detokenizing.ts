import type { Effect } from './grant.js';
import type { DatasetGrant } from './policy.js';

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
