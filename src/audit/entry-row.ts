import { newId, sha256 } from '../kernel/index.js';
import type { AuditFact } from './fact.js';

/** A fact with its id and time, by the columns of the record; as JSON it is what PostgreSQL takes for certain. */
export interface EntryRow {
  readonly id: string;
  /** RFC 3339 with milliseconds, UTC. */
  readonly at: string;
  readonly principal: string;
  readonly roles: readonly string[];
  readonly purpose: string | null;
  readonly action: string;
  readonly dataset: string | null;
  readonly fields: readonly string[];
  readonly masked: readonly string[];
  readonly decision: string;
  readonly row_count: number | null;
  readonly operation_hash: string | null;
  readonly duration_ms: number | null;
  readonly details: Readonly<Record<string, unknown>>;
}

/** `Transaction.query`, or anything like it. */
export type Query = <Row extends object>(this: void, text: string, values?: readonly unknown[]) => Promise<Row[]>;

export function entryRow(fact: AuditFact, now: number = Date.now()): EntryRow {
  const { actor } = fact;
  return {
    id: newId(now),
    at: new Date(now).toISOString(),
    principal: indexed(actor.subject),
    roles: actor.roles.map(storableText),
    purpose: actor.purpose === undefined ? null : indexed(actor.purpose),
    action: storableText(fact.action),
    dataset: fact.dataset === undefined ? null : indexed(fact.dataset),
    fields: (fact.fields ?? []).map(storableText),
    masked: (fact.masked ?? []).map(storableText),
    decision: fact.decision,
    row_count: wholeNumber(fact.rowCount),
    operation_hash: fact.operationHash === undefined ? null : storableText(fact.operationHash),
    duration_ms: fact.durationMs !== undefined && Number.isFinite(fact.durationMs) ? fact.durationMs : null,
    details: fact.details === undefined ? {} : (storable(fact.details) as Record<string, unknown>),
  };
}

/**
 * One row for all acts of one commit. Written again after a cut connection, acts that were committed all the same stay
 * where they are; the sealer finds those that it has moved on already.
 */
export const INSERT_PENDING = 'INSERT INTO headgate.audit_pending (id, size, entries) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING';

/** @param rows one or more; the row has the id of the first, so that rows sort by time as their entries do. */
export function pendingValues(rows: readonly EntryRow[]): [id: string | undefined, size: number, entries: string] {
  return [rows[0]?.id, rows.length, JSON.stringify(rows)];
}

/** An index of PostgreSQL takes keys of some 2,700 bytes. Of a longer name the start stands there, and its hash. */
const LONGEST_NAME = 1_000;
const STARTS_WITH = 200;

function indexed(value: string): string {
  const text = storableText(value);
  if (text.length <= LONGEST_NAME / 4 || Buffer.byteLength(text) <= LONGEST_NAME) return text;
  return `${storableText(text.slice(0, STARTS_WITH))}... sha256:${sha256(value)}`;
}

/**
 * PostgreSQL stores neither NUL nor half a surrogate pair. Names of roles and purposes come from outside: one such
 * character must not make an act impossible to record, nor fail the acts that are written with it.
 */
function storableText(value: string): string {
  const text = value.isWellFormed() ? value : value.toWellFormed();
  return text.includes('\0') ? text.replaceAll('\0', '\u{FFFD}') : text;
}

function storable(value: unknown): unknown {
  if (typeof value === 'string') return storableText(value);
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return value.map(storable);
  if (value instanceof Date) return value.toJSON();
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [storableText(name), storable(member)]));
  }
  return value;
}

/** Above 2^53 no count is exact, and none is possible. */
function wholeNumber(count: number | undefined): number | null {
  if (count === undefined) return null;
  const whole = Math.trunc(count);
  return Number.isSafeInteger(whole) ? whole : null;
}
