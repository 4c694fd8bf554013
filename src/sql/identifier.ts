import { HeadgateError } from '../kernel/index.js';
import { type Sql, raw } from './fragment.js';

/** What a dataset, a field or a grant may be called: it is a column or table name as it stands, and has a camelCase. */
const NAME = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/;
/** PostgreSQL cuts identifiers at 63 bytes; room is left for our suffixes of indexes. */
const LONGEST_NAME = 50;

export function isName(text: string): boolean {
  return NAME.test(text) && text.length <= LONGEST_NAME;
}

/** The one place that quotes: every identifier in a statement of ours comes from here. */
export function identifier(...parts: [string, ...string[]]): Sql {
  return raw(parts.map(quote).join('.'));
}

function quote(name: string): string {
  if (name === '' || name.includes('\0') || Buffer.byteLength(name) > 63) {
    throw new HeadgateError('BAD_USER_INPUT', `"${name.slice(0, 80)}" can't be an identifier: 1 to 63 bytes without NUL are allowed.`);
  }
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text as an SQL literal; for constants of ours and of validated manifests that must be part of a statement's text. */
export function literal(text: string): Sql {
  if (text.includes('\0')) throw new HeadgateError('BAD_USER_INPUT', "A text with a NUL character can't be stored in PostgreSQL.");
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return raw(text.includes('\\') ? ` E${quoted.replaceAll('\\', '\\\\')}` : quoted);
}
