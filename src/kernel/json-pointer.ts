import { isRawNumber } from './exact-json.js';

/** Whether a text is a JSON pointer (RFC 6901): '' is the whole, /data/items a member of a member. */
export function isPointer(text: string): boolean {
  return /^(\/([^~/]|~[01])*)*$/.test(text);
}

/** `/a~1b/0` -> ['a/b', '0'] */
export function pointerKeys(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** The keys that lead to a place: of a JSON pointer, or of a name, which is one key. */
export function placeKeys(place: string): string[] {
  return place.startsWith('/') ? pointerKeys(place) : [place];
}

/** ['a/b', '0'] -> `/a~1b/0` */
export function pointerOf(keys: readonly string[]): string {
  return keys.map((key) => `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** What a pointer leads to; undefined where there is nothing. */
export function atPointer(value: unknown, pointer: string): unknown {
  return pointerKeys(pointer).reduce(memberOf, value);
}

/** A member of an object, or an element of a list by its number; undefined where there is none. */
export function memberOf(value: unknown, name: string): unknown {
  if (Array.isArray(value)) return /^(0|[1-9]\d{0,8})$/.test(name) ? (value as unknown[])[Number(name)] : undefined;
  if (typeof value !== 'object' || value === null || isRawNumber(value) || !Object.hasOwn(value, name)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}
