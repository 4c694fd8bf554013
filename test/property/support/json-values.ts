import { isDeepStrictEqual } from 'node:util';
import { or } from './row-filters.js';

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

export const equalJson = isDeepStrictEqual;

/** `@>` of PostgreSQL's jsonb: the right value is, part by part, in the left one; a list holds a scalar that is an element of it. */
export function contains(left: unknown, right: unknown, isTop = true): boolean {
  if (Array.isArray(left)) {
    if (!Array.isArray(right)) return isTop && !isObject(right) && left.some((element) => equalJson(element, right));
    return right.every((wanted) => left.some((element) => contains(element, wanted, false)));
  }
  if (isObject(left)) return isObject(right) && Object.entries(right).every(([key, value]) => Object.hasOwn(left, key) && contains(left[key], value, false));
  return equalJson(left, right);
}

/** A key of the object, an element of the list, or the text itself, at the top. */
export function hasKey(value: unknown, key: string): boolean {
  if (Array.isArray(value)) return value.includes(key);
  return isObject(value) ? Object.hasOwn(value, key) : value === key;
}

/** What stands at a path; undefined when nothing does. */
export function at(value: unknown, path: readonly string[]): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  if (Array.isArray(value)) return /^-?\d+$/.test(step) ? at(value.at(Number(step)), rest) : undefined;
  return isObject(value) && Object.hasOwn(value, step) ? at(value[step], rest) : undefined;
}

/** One condition on what stands at a path; where nothing stands it is unknown. */
export function pathOperates(value: unknown, operator: string, given: unknown): boolean | null {
  if (operator === 'isNull') return (value === undefined || value === null) === given;
  if (operator === 'in' && (given as unknown[]).length === 0) return false;
  if (value === undefined) return null;
  if (operator === 'eq') return equalJson(value, given);
  if (operator === 'ne') return !equalJson(value, given);
  if (operator === 'in') return or((given as unknown[]).map((element) => equalJson(value, element)));
  if (typeof value !== typeof given) return null;
  const size = typeof value === 'string' ? Buffer.compare(Buffer.from(value), Buffer.from(given as string)) : Math.sign((value as number) - (given as number));
  switch (operator) {
    case 'lt':
      return size < 0;
    case 'lte':
      return size <= 0;
    case 'gt':
      return size > 0;
    default:
      return size >= 0;
  }
}
