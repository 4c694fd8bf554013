import type { Database, Transaction } from '../../store/index.js';
import type { FieldCipher } from '../../vault/index.js';
import { inboxOf, placeOf } from './arrival.js';
import { readEvent, type ReceivedEvent } from './event.js';

/** An event that waits. */
export interface WaitingEvent {
  /** Decimal text (bigint). */
  readonly id: string;
  readonly receivedAt: Date;
  readonly event: ReceivedEvent;
}

export interface Stretch {
  readonly source: string;
  /** Decimal text (bigint): those behind it. */
  readonly after: string;
  readonly rows: number;
  /** More only where one event is as large. */
  readonly bytes: number;
}

type Queryable = Pick<Database, 'query'> | Pick<Transaction, 'query'>;

/** The next events of a source, in the order in which they were committed. One that can't be decrypted any more is left out. */
export async function readInbox(
  database: Queryable,
  cipher: Pick<FieldCipher, 'contents'>,
  { source, after, rows, bytes }: Stretch,
): Promise<{ readonly events: readonly WaitingEvent[]; readonly last: string | undefined; readonly isFull: boolean }> {
  const found = await database.query<{ id: string; key: Buffer; content: Buffer; receivedAt: Date; before: string }>(
    `SELECT w.id, w.key, w.content, w.received_at AS "receivedAt" FROM (
       SELECT n.*, sum(length(n.content)) OVER (ORDER BY n.id) - length(n.content) AS before FROM (
         SELECT * FROM headgate.inbox WHERE source = $1 AND id > $2 ORDER BY id LIMIT $3) AS n
     ) AS w WHERE w.before < $4 ORDER BY w.id`,
    [source, after, rows, bytes],
  );
  const contents = await cipher.contents(inboxOf(source));
  const events = found.flatMap(({ id, key, content, receivedAt }) => {
    const bytesOf = contents.open(placeOf(source, key.toString('hex')), content);
    return bytesOf ? [{ id, receivedAt, event: readEvent(bytesOf) }] : [];
  });
  const size = found.reduce((sum, { content }) => sum + content.length, 0);
  return { events, last: found.at(-1)?.id, isFull: found.length === rows || size >= bytes };
}

/** Deletes what all collectors of the source have passed; of a source without any, nothing. */
export async function deletePassed(database: Queryable, source: string): Promise<void> {
  await database.query(
    `DELETE FROM headgate.inbox WHERE source = $1 AND id <= (
       SELECT min(coalesce((p.position ->> 'id')::bigint, 0)) FROM headgate.collector c
       LEFT JOIN headgate.collector_position p ON p.collector = c.name AND p.partition = '' WHERE c.spec ->> 'source' = $1)`,
    [source],
  );
}

/** Counted no further: it is a number for people. */
const MOST_COUNTED = 100_000;

export async function inboxLag(database: Queryable, source: string, after: string): Promise<{ readonly messages: number; readonly seconds: number }> {
  const [row] = await database.query<{ messages: number; seconds: number | null }>(
    `SELECT count(*)::int AS messages, extract(epoch FROM clock_timestamp() - min(received_at))::float8 AS seconds
     FROM (SELECT received_at FROM headgate.inbox WHERE source = $1 AND id > $2 ORDER BY id LIMIT $3) AS w`,
    [source, after, MOST_COUNTED],
  );
  return { messages: row?.messages ?? 0, seconds: Math.max(0, row?.seconds ?? 0) };
}
