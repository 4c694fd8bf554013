import { sha256 } from '../../kernel/index.js';

/** A router takes no longer ones. */
const LONGEST = 128;
const HASH = 12;

/** A tag of a contract as a name for @tag, which may have a slash in it and no dot: `pii.email` is `pii/email`. */
export function tagName(tag: string): string {
  const name = tag.replaceAll('.', '/');
  // Cut, but still another one than what is cut at the same place.
  return name.length <= LONGEST ? name : `${name.slice(0, LONGEST - HASH - 1)}-${sha256(tag).slice(0, HASH)}`;
}
