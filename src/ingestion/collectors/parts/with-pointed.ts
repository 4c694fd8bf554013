import { pointerKeys, pointerOf } from '../../../kernel/index.js';

/** The value with another where the pointer leads; members on the way are made. */
export function withPointed(value: unknown, pointer: string, put: unknown): unknown {
  const [key, ...rest] = pointerKeys(pointer);
  if (key === undefined) return put;
  const object = typeof value === 'object' && value !== null ? value : {};
  const next = withPointed((object as Readonly<Record<string, unknown>>)[key], pointerOf(rest), put);
  // A member of any name is a member, `__proto__` too.
  return Array.isArray(object)
    ? object.map((each: unknown, i) => (String(i) === key ? next : each))
    : Object.fromEntries([...Object.entries(object), [key, next]]);
}
