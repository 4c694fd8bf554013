import { newId } from '../kernel/index.js';
import type { AuditFact } from './fact.js';

/** A fact with its id and time, as JSON that PostgreSQL takes for certain. */
export interface EntryRow {
  readonly id: string;
  readonly [column: string]: unknown;
}

/** `Transaction.query`, or anything like it. */
export type Query = <Row extends object>(this: void, text: string, values?: readonly unknown[]) => Promise<Row[]>;

export function entryRow(fact: AuditFact, now: number = Date.now()): EntryRow {
  const { actor } = fact;
  return {
    id: newId(now),
    at: new Date(now).toISOString(),
    principal: storable(actor.subject),
    roles: storable(actor.roles),
    purpose: storable(actor.purpose),
    action: storable(fact.action),
    dataset: storable(fact.dataset),
    fields: storable(fact.fields ?? []),
    masked: storable(fact.masked ?? []),
    decision: fact.decision,
    row_count: Number.isFinite(fact.rowCount) ? Math.trunc(fact.rowCount ?? 0) : null,
    operation_hash: storable(fact.operationHash),
    duration_ms: fact.durationMs,
    details: storable(fact.details ?? {}),
  };
}

/** Written again after a cut connection, an entry that was committed all the same stays one entry. */
export const INSERT_ENTRIES = `
  INSERT INTO headgate.audit_entry (id, at, principal, roles, purpose, action, dataset, fields, masked, decision, row_count, operation_hash, duration_ms, details)
  SELECT id, at, principal, roles, purpose, action, dataset, fields, masked, decision, row_count, operation_hash, duration_ms, details
  FROM jsonb_to_recordset($1::jsonb) AS fact(id uuid, at timestamptz, principal text, roles text[], purpose text, action text, dataset text,
    fields text[], masked text[], decision text, row_count bigint, operation_hash text, duration_ms double precision, details jsonb)
  ON CONFLICT (id) DO NOTHING`;

/**
 * PostgreSQL stores neither NUL nor half a surrogate pair. Names of roles and purposes come from outside: one such
 * character must not make an act impossible to record, nor fail the acts that are written with it.
 */
function storable(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed().replaceAll('\0', '\u{FFFD}');
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return value.map(storable);
  if (value instanceof Date) return value;
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [storable(name), storable(member)]));
  }
  return value;
}
