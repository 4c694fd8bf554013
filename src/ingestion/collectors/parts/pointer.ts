import { z } from 'zod';

/** A JSON pointer (RFC 6901): '' is the whole, /data/items a member of a member. */
export const Pointer = z
  .string()
  .max(1_000)
  .regex(/^(\/([^~/]|~[01])*)*$/, { error: 'expected a JSON pointer such as /data/items; an empty text is the whole' });

/** `/a~1b/0` -> ['a/b', '0'] */
export function pointerKeys(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** What a pointer leads to; undefined when there is nothing. */
export function pointed(value: unknown, pointer: string): unknown {
  let found = value;
  for (const key of pointerKeys(pointer)) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, key)) return undefined;
    found = (found as Readonly<Record<string, unknown>>)[key];
  }
  return found;
}

/** The value with another where the pointer leads; members on the way are made. */
export function withPointed(value: unknown, pointer: string, put: unknown): unknown {
  const [key, ...rest] = pointerKeys(pointer);
  if (key === undefined) return put;
  const object = typeof value === 'object' && value !== null ? value : {};
  const deeper = rest.map((each) => `/${each.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
  const next = withPointed((object as Readonly<Record<string, unknown>>)[key], deeper, put);
  // A member of any name is a member, `__proto__` too.
  return Array.isArray(object)
    ? object.map((each: unknown, i) => (String(i) === key ? next : each))
    : Object.fromEntries([...Object.entries(object), [key, next]]);
}
