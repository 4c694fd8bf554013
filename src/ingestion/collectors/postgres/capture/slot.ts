import { setTimeout as sleep } from 'node:timers/promises';
import { tableNameText } from '../../../../catalog/index.js';
import { HeadgateError, isHeadgateError } from '../../../../kernel/index.js';
import type { SourceSession } from '../../../../sources/index.js';
import { identifier, literal, render, sql } from '../../../../sql/index.js';
import type { PostgresPart } from '../../parts/postgres.js';
import type { CaptureNames } from '../../parts/capture-names.js';
import { tableOfPart, tableSql, type CollectedField } from '../remote-rows.js';

/**
 * What must be so at the source before its changes can be followed, and the publication.
 * @throws HeadgateError CONTRACT_VIOLATION that says what its owner has to do
 */
export async function prepareSource(
  session: SourceSession,
  part: PostgresPart,
  source: string,
  names: CaptureNames,
  key: readonly CollectedField[],
): Promise<void> {
  const refused = (message: string) => new HeadgateError('CONTRACT_VIOLATION', message, { source });
  const [level] = await session.query<{ level: string }>("SELECT pg_catalog.current_setting('wal_level') AS level");
  if (level?.level !== 'logical') {
    throw refused(
      `Changes of ${source} can't be followed: its wal_level is ${level?.level ?? 'not known'}, and logical is needed. Set it there, and start it again.`,
    );
  }
  await checkIdentity(session, part, key, refused);
  const { schema, name } = tableOfPart(part);
  const [published] = await session.query<{ known: string; has: string }>(
    sql`SELECT EXISTS (SELECT FROM pg_catalog.pg_publication WHERE pubname = ${literal(names.publication)})::text AS known,
      EXISTS (SELECT FROM pg_catalog.pg_publication_tables WHERE pubname = ${literal(names.publication)} AND schemaname = ${literal(schema)} AND tablename = ${literal(name)})::text AS has`,
  );
  if (published?.has === 'true') return;
  const where = tableNameText(part.table);
  if (published?.known === 'true' || !names.ownsPublication) {
    throw refused(
      `The publication "${names.publication}" at ${source} ${published?.known === 'true' ? `does not have the table ${where}` : 'is not there'}. Its owner can mend it.`,
    );
  }
  const [kind] = await session.query<{ kind: string }>(
    sql`SELECT relkind::text AS kind FROM pg_catalog.pg_class WHERE oid = ${literal(quoted(part))}::regclass`,
  );
  const root = kind?.kind === 'p' ? sql` WITH (publish_via_partition_root = true)` : sql``;
  try {
    await session.query(sql`CREATE PUBLICATION ${identifier(names.publication)} FOR TABLE ${tableSql(part)}${root}`);
  } catch (error) {
    if (!isHeadgateError(error) || error.code !== 'CONTRACT_VIOLATION') throw error;
    throw refused(
      `The user of ${source} can't publish ${where}: that needs to own the table, and to create in the database. Or its owner says CREATE PUBLICATION ... FOR TABLE ${where}, and the collector names it under capture: publication.`,
    );
  }
}

/** A table whose changes don't tell what row they are of could not be updated at its source any more, once it is published. */
async function checkIdentity(
  session: SourceSession,
  part: PostgresPart,
  key: readonly CollectedField[],
  refused: (message: string) => HeadgateError,
): Promise<void> {
  const [found] = await session.query<{ kind: string; identity: string; columns: string }>(
    sql`SELECT c.relkind::text AS kind, c.relreplident::text AS identity, coalesce((
        SELECT pg_catalog.json_agg(a.attname) FROM pg_catalog.pg_index i JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
        WHERE i.indrelid = c.oid AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident END), '[]')::text AS columns
      FROM pg_catalog.pg_class c WHERE c.oid = ${literal(quoted(part))}::regclass`,
  );
  const where = tableNameText(part.table);
  if (!found || !['r', 'p'].includes(found.kind)) throw refused(`${where} is no table, and only the changes of tables can be followed.`);
  if (found.identity === 'f') return;
  const columns = JSON.parse(found.columns) as string[];
  if (columns.length === 0) {
    throw refused(`The changes of ${where} don't tell which row they are of: give it a primary key, or say ALTER TABLE ${where} REPLICA IDENTITY FULL.`);
  }
  const missing = key.find(({ column }) => !columns.includes(column.name));
  if (missing) {
    throw refused(
      `A delete at ${where} tells ${columns.join(', ')} only, and the key of the dataset has ${missing.field.name} (${missing.column.name}). Make its key the same, or say ALTER TABLE ${where} REPLICA IDENTITY FULL.`,
    );
  }
}

/** `"schema"."table"`, as a cast to regclass reads it. */
function quoted(part: PostgresPart): string {
  return render(tableSql(part)).text;
}

/** What is known of a slot: `active` while somebody reads from it, `lost` when the server has thrown away what it needs. */
async function slotState(session: SourceSession, slot: string): Promise<'missing' | 'lost' | 'active' | 'ready'> {
  const [row] = await session.query<{ active: string; lost: string }>(
    sql`SELECT active::text AS active, coalesce(pg_catalog.to_jsonb(s) ->> 'wal_status' = 'lost' OR pg_catalog.to_jsonb(s) ->> 'invalidation_reason' IS NOT NULL, false)::text AS lost
      FROM pg_catalog.pg_replication_slots s WHERE slot_name = ${literal(slot)}`,
  );
  if (!row) return 'missing';
  if (row.lost === 'true') return 'lost';
  return row.active === 'true' ? 'active' : 'ready';
}

/** A session that ended a moment ago, of another worker or our own, may hold the slot still. */
const ACTIVE_MS = 100;
const ACTIVE_TRIES = 100;

/**
 * What is known of a slot that nobody reads from, waited for.
 * @throws HeadgateError UNAVAILABLE when somebody goes on reading from it
 */
export async function idleSlotState(session: SourceSession, slot: string, source: string, signal: AbortSignal): Promise<'missing' | 'lost' | 'ready'> {
  for (let tries = 1; tries <= ACTIVE_TRIES; tries += 1) {
    const state = await slotState(session, slot);
    if (state !== 'active') return state;
    await sleep(ACTIVE_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
  throw new HeadgateError('UNAVAILABLE', `The replication slot ${slot} at ${source} is in use by another session.`, { source, slot });
}

export async function dropSlot(session: SourceSession, slot: string): Promise<void> {
  await session.query(sql`SELECT pg_catalog.pg_drop_replication_slot(${literal(slot)})::text AS dropped`);
}
