import { isDeepStrictEqual } from 'node:util';
import { canonicalJson } from '../kernel/index.js';

const LONGEST_VALUE = 80;

/** The keys in which two documents differ, a line each: `owner: added, "crm@example.com"`. */
export function describeKeys(before: object, after: object): string[] {
  const old = new Map<string, unknown>(Object.entries(before));
  const fresh = new Map<string, unknown>(Object.entries(after));
  const lines = [...new Set([...old.keys(), ...fresh.keys()])].map((key) => {
    const [from, to] = [old.get(key), fresh.get(key)];
    if (isDeepStrictEqual(from, to)) return undefined;
    if (from === undefined) return `${key}: added, ${valueText(to)}`;
    return to === undefined ? `${key}: removed` : `${key}: ${valueText(from)} -> ${valueText(to)}`;
  });
  return lines.filter((line) => line !== undefined);
}

function valueText(value: unknown): string {
  // In one order of keys, in whatever order a document has them: a change that is asked for again must read the same.
  const text = value === undefined ? '' : canonicalJson(JSON.parse(JSON.stringify(value)));
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}...` : text;
}
