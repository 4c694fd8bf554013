import { HeadgateError } from './errors.js';

/**
 * The one text of a JSON value (RFC 8785): members in the order of their names' UTF-16 code units, no white space,
 * numbers as ECMAScript writes them. Two equal values have one hash. Members that are `undefined` are left out.
 * @throws HeadgateError BAD_USER_INPUT for what JSON can't hold: NaN, infinities, bigints, functions, lone surrogates, objects of a class.
 */
export function canonicalJson(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return text(value);
    case 'number':
      // JSON.stringify would quietly write null for these.
      if (!Number.isFinite(value)) throw unfit(String(value));
      return String(Object.is(value, -0) ? 0 : value);
    case 'boolean':
      return String(value);
    case 'object':
      if (value === null) return 'null';
      if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
      return object(value);
    default:
      throw unfit(`a ${typeof value}`);
  }
}

function text(value: string): string {
  if (!value.isWellFormed()) throw unfit('a text with half a surrogate pair');
  return JSON.stringify(value);
}

function object(value: object): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw unfit(`a ${value.constructor.name}`);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  members.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${text(name)}:${canonicalJson(member)}`).join(',')}}`;
}

function unfit(what: string): HeadgateError {
  return new HeadgateError('BAD_USER_INPUT', `JSON can't hold ${what}: expected null, booleans, finite numbers, well-formed texts, lists and plain objects.`);
}
