import { newId, sha256 } from '../kernel/index.js';
import type { Actor, AuditFact } from './fact.js';

/** An entry as it is written: its id, and the JSON of its row. */
export interface EntryJson {
  readonly id: string;
  readonly json: string;
}

/**
 * Writes entries. What many of them have in common, who acts and which fields are read, comes in the same objects again
 * and again, and is written once.
 */
export class EntryWriter {
  readonly #actors = new WeakMap<Actor, string>();
  readonly #lists = new WeakMap<readonly string[], string>();

  write(fact: AuditFact, now: number = Date.now()): EntryJson {
    const { dataset, operationHash, durationMs, details } = fact;
    const id = newId(now);
    const json =
      `{"id":"${id}","at":"${new Date(now).toISOString()}",${this.#actor(fact.actor)},"action":${text(fact.action)},"dataset":${name(dataset)},` +
      `"fields":${this.#list(fact.fields)},"masked":${this.#list(fact.masked)},"decision":"${fact.decision}","row_count":${wholeNumber(fact.rowCount)},` +
      `"operation_hash":${operationHash === undefined ? 'null' : text(operationHash)},` +
      `"duration_ms":${durationMs !== undefined && Number.isFinite(durationMs) ? durationMs : 'null'},` +
      `"details":${details === undefined ? '{}' : JSON.stringify(storable(details))}}`;
    return { id, json };
  }

  #actor(actor: Actor): string {
    const known = this.#actors.get(actor);
    if (known !== undefined) return known;
    const { subject, roles, purpose } = actor;
    const json = `"principal":${name(subject)},"roles":${JSON.stringify(roles.map(storableText))},"purpose":${name(purpose)}`;
    this.#actors.set(actor, json);
    return json;
  }

  #list(values: readonly string[] | undefined): string {
    if (values === undefined || values.length === 0) return '[]';
    const known = this.#lists.get(values);
    if (known !== undefined) return known;
    const json = JSON.stringify(values.map(storableText));
    this.#lists.set(values, json);
    return json;
  }
}

/**
 * One row for all acts of one commit. Written again after a cut connection, acts that were committed all the same stay
 * where they are; the sealer finds those that it has moved on already.
 */
export const INSERT_PENDING = 'INSERT INTO headgate.audit_pending (id, size, entries) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING';

/** @param entries one or more; the row has the id of the first, so that rows sort by time as their entries do. */
export function pendingValues(entries: readonly EntryJson[]): [id: string | undefined, size: number, entries: string] {
  return [entries[0]?.id, entries.length, `[${entries.map(({ json }) => json).join(',')}]`];
}

/** An index of PostgreSQL takes keys of some 2,700 bytes. Of a longer name the start stands there, and its hash. */
const LONGEST_NAME = 1_000;
const STARTS_WITH = 200;

function indexed(value: string): string {
  const stored = storableText(value);
  if (stored.length <= LONGEST_NAME / 4 || Buffer.byteLength(stored) <= LONGEST_NAME) return stored;
  return `${storableText(stored.slice(0, STARTS_WITH))}... sha256:${sha256(value)}`;
}

function name(value: string | undefined): string {
  return value === undefined ? 'null' : JSON.stringify(indexed(value));
}

function text(value: string): string {
  return JSON.stringify(storableText(value));
}

/**
 * PostgreSQL stores neither NUL nor half a surrogate pair. Names of roles and purposes come from outside: one such
 * character must not make an act impossible to record, nor fail the acts that are written with it.
 */
function storableText(value: string): string {
  const whole = value.isWellFormed() ? value : value.toWellFormed();
  return whole.includes('\0') ? whole.replaceAll('\0', '\u{FFFD}') : whole;
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
