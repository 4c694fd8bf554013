import { camelCase } from '../kernel/index.js';

const LONGEST = 50;

/** Letters that are no other letter with an accent. */
const SPELLED: Readonly<Record<string, string>> = { ß: 'ss', æ: 'ae', œ: 'oe', ø: 'o', ł: 'l', đ: 'd', þ: 'th' };

/** Words that filters combine with. */
const RESERVED = new Set(['and', 'or', 'not']);

/**
 * The name of a table or column of somebody else as a contract can have it: `InvoiceLines` -> `invoice_lines`.
 * @param fallback for a name of which nothing is left
 */
export function localName(name: string, fallback: string): string {
  const words = name
    .replaceAll(/[ßæœøłđþ]/gi, (letter) => SPELLED[letter.toLowerCase()] ?? '')
    // Letters without their accents.
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/(\p{Ll}|\d)(\p{Lu})/gu, '$1_$2')
    .replaceAll(/(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1_$2')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .replaceAll(/^_+|_+$/g, '');
  const named = /^[a-z]/.test(words) ? words : [fallback, words].filter(Boolean).join('_');
  const short = named.slice(0, LONGEST).replace(/_$/, '');
  return RESERVED.has(short) ? `${short}_${fallback}` : short;
}

/** Names that are taken, by what they are in GraphQL. */
export class TakenNames {
  readonly #taken = new Set<string>();

  constructor(names: Iterable<string> = []) {
    for (const name of names) this.#taken.add(camelCase(name));
  }

  has(name: string): boolean {
    return this.#taken.has(camelCase(name));
  }

  /** The first of the names that is free, or the last one with a number behind it; it is taken then. */
  take(...names: readonly [string, ...string[]]): string {
    const last = names.at(-1) ?? names[0];
    let found = names.find((name) => !this.has(name));
    for (let i = 2; found === undefined; i += 1) {
      const numbered = `${last.slice(0, LONGEST - 4)}_${i}`.replaceAll('__', '_');
      if (!this.has(numbered)) found = numbered;
    }
    this.#taken.add(camelCase(found));
    return found;
  }
}
