import { hash } from 'node:crypto';
import { canonicalJson } from '../kernel/index.js';

/** What stands in `prevHash` of the first entry. */
export const GENESIS = '0'.repeat(64);

/**
 * An entry as PostgreSQL writes it: every column as text, lists as JSON. Nothing is parsed that is not needed, because
 * the whole record must be read in seconds, and no precision is lost that could hide a change.
 */
export type EntryText = readonly [
  id: string,
  at: string,
  principal: string,
  roles: string,
  purpose: string | null,
  action: string,
  dataset: string | null,
  fields: string,
  masked: string,
  decision: string,
  rowCount: string | null,
  operationHash: string | null,
  durationMs: string | null,
  details: string,
  seq: string | null,
  prevHash: string | null,
  hash: string | null,
];

export const ENTRY_COLUMNS = `id, at, principal, array_to_json(roles), purpose, action, dataset, array_to_json(fields), array_to_json(masked),
  decision, row_count, operation_hash, duration_ms, details, seq, prev_hash, hash`;

/** Texts, and lists of texts as PostgreSQL writes them, that are canonical JSON as they stand. */
const PLAIN = /^[\w.: @-]*$/;
const PLAIN_LIST = /^\[[\w",]*\]$/;

/** For node-postgres: rows as arrays, and each value as the text that came. */
export const AS_TEXT = { rowMode: 'array', types: { getTypeParser: () => (value: string) => value } } as const;

/**
 * What is hashed: the entry as canonical JSON (RFC 8785) with its `seq`, without `prevHash` and `hash`; bigints are
 * decimal strings and times RFC 3339, as in GraphQL and in the export, so that anyone can compute it again.
 * Written out by hand, in the order of the names, because a general sort costs more than the hash.
 */
export function canonicalEntry(entry: EntryText, seq: string): string {
  const [id, at, principal, roles, purpose, action, dataset, fields, masked, decision, rowCount, operationHash, durationMs, details] = entry;
  return (
    `{"action":${text(action)},"at":"${rfc3339(at)}","dataset":${text(dataset)},"decision":${text(decision)},"details":${json(details)},` +
    `"durationMs":${durationMs === null ? 'null' : String(Number(durationMs))},"fields":${list(fields)},"id":"${id}","masked":${list(masked)},` +
    `"operationHash":${text(operationHash)},"principal":${text(principal)},"purpose":${text(purpose)},"roles":${list(roles)},` +
    `"rowCount":${text(rowCount)},"seq":"${seq}"}`
  );
}

/** SHA-256 over the previous hash, as 64 hex digits, and the entry's canonical JSON in UTF-8; hex. */
export function chainHash(prevHash: string, canonical: string): string {
  return hash('sha256', prevHash + canonical, 'hex');
}

/** `2026-01-31 08:00:00.5+00`, as our sessions (UTC, ISO) write it, to `2026-01-31T08:00:00.500Z`. */
export function rfc3339(at: string): string {
  const time = at.slice(0, -3).replace(' ', 'T');
  const milliseconds = time.length > 19 ? time.slice(20) : '';
  return `${time.slice(0, 19)}.${milliseconds.padEnd(3, '0')}Z`;
}

function text(value: string | null): string {
  if (value === null) return 'null';
  return PLAIN.test(value) ? `"${value}"` : JSON.stringify(value);
}

/** To see that nothing is to be escaped is cheaper than to parse and write it again. */
function list(value: string): string {
  return PLAIN_LIST.test(value) ? value : json(value);
}

function json(value: string): string {
  if (value === '[]' || value === '{}') return value;
  try {
    return canonicalJson(JSON.parse(value));
  } catch {
    // PostgreSQL holds numbers that are none in JavaScript (1e400). We write none, and one put there by hand must not stop the sealer.
    return JSON.stringify(value);
  }
}
