import { pointerKeys } from '../kernel/index.js';
import { isRecord } from './record.js';

/**
 * What is at a place in the claims. The place is the name of a claim as it stands (`https://example.com/roles`), a JSON
 * pointer (`/realm_access/roles`, RFC 6901) or a dotted path (`realm_access.roles`), tried in this order.
 */
export function claimAt(claims: Readonly<Record<string, unknown>>, place: string): unknown {
  if (Object.hasOwn(claims, place)) return claims[place];
  const steps = place.startsWith('/') ? pointerKeys(place) : place.split('.');
  let value: unknown = claims;
  for (const step of steps) {
    if (!isRecord(value) || !Object.hasOwn(value, step)) return undefined;
    value = value[step];
  }
  return value;
}

/** Names in a claim: a list of texts, or one text with spaces between them as in OAuth's `scope`. Anything else holds none. */
export function namesIn(claim: unknown): readonly string[] {
  const names = typeof claim === 'string' ? claim.split(' ') : Array.isArray(claim) ? claim.filter((name) => typeof name === 'string') : [];
  return Object.freeze([...new Set(names.filter((name) => name !== ''))]);
}
