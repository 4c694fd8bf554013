import { HeadgateError } from '../../kernel/index.js';
import type { Attributes } from './event.js';

/** Of one attribute, in characters; the whole of them is bounded by the size of headers and bodies. */
const LONGEST = 8_192;
const NAME = /^[a-z0-9]{1,100}$/;
/** RFC 3339; a leap second is a second, as PostgreSQL has it. */
const TIME =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])[Tt](?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d{1,18})?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;
/** Without a blank and what RFC 3986 excludes: enough that what follows can rely on it. */
const URI_REFERENCE = /^[^\s"<>\\^`{|}]+$/u;
const ABSOLUTE = /^[A-Za-z][A-Za-z0-9+.-]*:/;
const MEDIA_TYPE = /^[A-Za-z0-9!#$&^_.+-]{1,127}\/[A-Za-z0-9!#$&^_.+-]{1,127}\s*(?:;.*)?$/;
/** As nearly all texts are: the other expression takes longer. */
const PLAIN = /^[ -~]*$/;
/** Control characters and those that Unicode has set aside are in no string of a CloudEvent. */
const FORBIDDEN = /[\p{Cc}\p{Noncharacter_Code_Point}\p{Cs}]/u;
const LARGEST_INTEGER = 2 ** 31 - 1;
/** They are not attributes, whatever a sender writes. */
const NO_ATTRIBUTES: ReadonlySet<string> = new Set(['data', 'data_base64']);

const FORMATS: Readonly<Record<string, { readonly is: (text: string) => boolean; readonly expected: string }>> = {
  source: { is: (text) => URI_REFERENCE.test(text), expected: 'a URI or a reference to one' },
  dataschema: { is: (text) => URI_REFERENCE.test(text) && ABSOLUTE.test(text), expected: 'a URI that begins with a scheme' },
  time: { is: (text) => TIME.test(text), expected: 'a time as RFC 3339 has it, such as 2026-03-01T12:00:00Z' },
  datacontenttype: { is: (text) => MEDIA_TYPE.test(text), expected: 'a media type, such as application/json' },
};
const REQUIRED = ['specversion', 'id', 'source', 'type'];
const KNOWN: ReadonlySet<string> = new Set([...REQUIRED, ...Object.keys(FORMATS), 'subject']);

/**
 * The attributes of a CloudEvent, as version 1.0 of the specification allows them.
 * @param where which event of a batch it is, for the error
 * @throws HeadgateError BAD_USER_INPUT with `path`, the attribute; it never has the value
 */
export function checkedAttributes(given: Iterable<readonly [name: string, value: unknown]>, where = ''): Attributes {
  const attributes = new Map<string, string | number | boolean>();
  for (const [name, value] of given) {
    if (!NAME.test(name) || NO_ATTRIBUTES.has(name)) throw refused(where, name, 'an attribute has a name of lower-case letters and digits');
    if (attributes.has(name)) throw refused(where, name, 'an attribute is there once');
    if (value !== null) attributes.set(name, checkedValue(where, name, value));
  }
  if (attributes.get('specversion') !== undefined && attributes.get('specversion') !== '1.0')
    throw refused(where, 'specversion', 'expected 1.0, the version of CloudEvents that is understood');
  for (const name of REQUIRED) if (!attributes.has(name)) throw refused(where, name, 'every CloudEvent has it');
  return Object.fromEntries(attributes);
}

function checkedValue(where: string, name: string, value: unknown): string | number | boolean {
  if (typeof value === 'boolean' || typeof value === 'number') {
    if (KNOWN.has(name)) throw refused(where, name, 'expected a text');
    if (typeof value === 'number' && (!Number.isInteger(value) || Math.abs(value) > LARGEST_INTEGER))
      throw refused(where, name, 'expected a whole number of 32 bits, or a text');
    return value;
  }
  if (typeof value !== 'string') throw refused(where, name, 'expected a text, a whole number, or true or false');
  if (value.length > LONGEST) throw refused(where, name, `expected at most ${LONGEST} characters`);
  if (!PLAIN.test(value) && FORBIDDEN.test(value)) throw refused(where, name, 'expected a text without control characters');
  if (KNOWN.has(name) && value === '') throw refused(where, name, 'expected a text that is not empty');
  const format = FORMATS[name];
  if (format && !format.is(value)) throw refused(where, name, `expected ${format.expected}`);
  return value;
}

function refused(where: string, name: string, expected: string): HeadgateError {
  const shown = NAME.test(name) ? name : 'attributes';
  return new HeadgateError('BAD_USER_INPUT', `${where}${shown}: ${expected}.`, { path: shown });
}
