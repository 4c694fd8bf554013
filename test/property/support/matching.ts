import { isDeepStrictEqual } from 'node:util';
import { Near } from './near.js';
import { cursorsRow } from './resolvers.js';
import { JsonInAnswer } from './scalars.js';

/** Floats that were computed in several steps differ in their last digits. */
const FLOAT_STEPS = 1e-13;

/**
 * Where an answer is another than expected: the first place and both values, or undefined. Keys must come in the order of
 * the question. Fills `cursors` with the ids of the rows that the answer's cursors stand for.
 */
export function difference(expected: unknown, answer: unknown, cursors: Map<string, string>, path = 'data'): string | undefined {
  const other = (what: unknown): string => `${path}: expected ${JSON.stringify(what)}, got ${JSON.stringify(answer)}`;
  if (expected instanceof Near)
    return expected.holds(answer) ? undefined : other(`${expected.numerator}/${expected.denominator}${expected.root ? ' root' : ''}`);
  if (expected instanceof JsonInAnswer) return isDeepStrictEqual(expected.value, answer) ? undefined : other(expected.value);
  const rid = typeof expected === 'string' ? cursorsRow(expected) : undefined;
  if (rid !== undefined) return typeof answer === 'string' ? void cursors.set(answer, rid) : other('a cursor');
  if (Array.isArray(expected)) {
    if (!Array.isArray(answer) || answer.length !== expected.length) return other(expected);
    return first(expected.map((element, i) => difference(element, answer[i], cursors, `${path}[${i}]`)));
  }
  if (typeof expected === 'number' && typeof answer === 'number' && Math.abs(expected - answer) <= Math.abs(expected) * FLOAT_STEPS) return undefined;
  if (typeof expected !== 'object' || expected === null) return Object.is(expected, answer) ? undefined : other(expected);
  if (typeof answer !== 'object' || answer === null) return other(expected);
  const [keys, found] = [Object.keys(expected), Object.keys(answer)];
  if (!isDeepStrictEqual(keys, found)) return `${path}: expected the keys ${keys.join(', ')}; got ${found.join(', ')}`;
  const of = (object: object, key: string): unknown => Object.getOwnPropertyDescriptor(object, key)?.value;
  return first(keys.map((key) => difference(of(expected, key), of(answer, key), cursors, `${path}.${key}`)));
}

function first(found: readonly (string | undefined)[]): string | undefined {
  return found.find((one) => one !== undefined);
}
