import type { AuditFact } from '../../audit/index.js';
import type { Arrival, ArrivingEvent } from './arrival.js';

/** Where notifications of new events go. */
export const INBOX_CHANNEL = 'headgate_inbox';
/** Any number that is ours: held from the first number that is given to an event until it is committed. */
export const INBOX_LOCK = 4_830_911_018;
const KEY_BYTES = 16;
const NO_HASH = '00'.repeat(KEY_BYTES);

/** Events of several requests that go into the inbox by one statement. */
export interface InboxGroup {
  readonly offered: readonly { readonly arrival: Arrival; readonly event: ArrivingEvent }[];
  readonly values: readonly unknown[];
}

/**
 * One statement, one transaction: the events that are new, and the entry of the audit. It tells the keys that were there before, in hex:
 * of events, and of signed texts. Whoever reads by numbers must
 * not pass one that is not committed yet, so they are given under a lock, which is taken before anything else; all others
 * wait for it here and nowhere else. An id that was signed with nothing is not even remembered when the request was there before.
 */
export const INSERT_EVENTS = `
WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock(${INBOX_LOCK})),
offered AS MATERIALIZED (
  SELECT o.n, o.source, substr($4::bytea, (1 + (o.n - 1) * ${KEY_BYTES})::int, ${KEY_BYTES}) AS key, substr($5::bytea, (1 + (o.n - 1) * ${KEY_BYTES})::int, ${KEY_BYTES}) AS hash,
    substr($6::bytea, o.start, o.length) AS content, o.seconds, CASE WHEN o.nonce > 0 THEN substr($7::bytea, 1 + (o.nonce - 1) * ${KEY_BYTES}, ${KEY_BYTES}) END AS nonce
  FROM turn, unnest($1::text[], $2::int[], $3::int[], $8::int[], $9::int[]) WITH ORDINALITY AS o(source, start, length, seconds, nonce, n)
),
signed AS MATERIALIZED (
  SELECT substr($7::bytea, 1 + (m.n - 1)::int * ${KEY_BYTES}, ${KEY_BYTES}) AS key, m.seconds FROM turn, unnest($10::int[]) WITH ORDINALITY AS m(seconds, n)
),
nonces AS (
  INSERT INTO headgate.inbox_seen (key, expires_at) SELECT key, now() + make_interval(secs => seconds) FROM signed ON CONFLICT DO NOTHING RETURNING key
),
taken AS MATERIALIZED (
  SELECT DISTINCT ON (key) * FROM offered WHERE nonce IS NULL OR nonce IN (SELECT key FROM nonces) ORDER BY key, n
),
fresh AS (
  INSERT INTO headgate.inbox_seen (key, hash, expires_at)
  SELECT key, nullif(hash, '\\x${NO_HASH}'), now() + make_interval(secs => seconds) FROM taken ON CONFLICT DO NOTHING RETURNING key
),
kept AS (
  INSERT INTO headgate.inbox (source, key, content) SELECT source, key, content FROM taken JOIN fresh USING (key) ORDER BY n
),
recorded AS (
  INSERT INTO headgate.audit_pending (id, size, entries) VALUES ($11::uuid, $12::int, $13::json) ON CONFLICT (id) DO NOTHING
),
told AS (SELECT pg_notify('${INBOX_CHANNEL}', '') FROM fresh LIMIT 1)
SELECT encode(key, 'hex') FROM taken WHERE key NOT IN (SELECT key FROM fresh) UNION ALL SELECT encode(key, 'hex') FROM signed WHERE key NOT IN (SELECT key FROM nonces)
UNION ALL SELECT NULL FROM told`;

/** @param pendingFor the values of an audit entry's row for acts */
export function inboxGroup(arrivals: readonly Arrival[], pendingFor: (facts: readonly AuditFact[]) => readonly unknown[]): InboxGroup {
  const offered: { arrival: Arrival; event: ArrivingEvent; nonce: number }[] = [];
  const nonces = new Map<string, { seconds: number; place: number }>();
  for (const arrival of arrivals) {
    const place = placeOfNonce(arrival, nonces);
    // The same request twice at the same time: the first of them is taken.
    if (place === undefined) continue;
    for (const event of arrival.events) offered.push({ arrival, event, nonce: place });
  }
  let end = 1;
  const starts = offered.map(({ event }) => {
    const start = end;
    end += event.content.length;
    return start;
  });
  const events = offered.map(({ event }) => event);
  const values = [
    offered.map(({ arrival }) => arrival.source),
    starts,
    events.map(({ content }) => content.length),
    bytesOf(events.map(({ key }) => key)),
    bytesOf(events.map(({ hash }) => hash ?? NO_HASH)),
    Buffer.concat(events.map(({ content }) => content)),
    bytesOf([...nonces.keys()]),
    events.map(({ seconds }) => seconds),
    offered.map(({ nonce }) => nonce),
    [...nonces.values()].map(({ seconds }) => seconds),
    ...pendingFor(factsOf(arrivals)),
  ];
  return { offered, values };
}

function bytesOf(hex: readonly string[]): Buffer {
  return Buffer.from(hex.join(''), 'hex');
}

/** From 1; 0 for a request without one, undefined for one that is in the group already. */
function placeOfNonce({ nonce }: Arrival, nonces: Map<string, { seconds: number; place: number }>): number | undefined {
  if (!nonce) return 0;
  const { key, seconds } = nonce;
  if (nonces.has(key)) return undefined;
  const place = nonces.size + 1;
  nonces.set(key, { seconds, place });
  return place;
}

/** One entry for each source and sender: how many events came. */
function factsOf(arrivals: readonly Arrival[]): AuditFact[] {
  const counts = new Map<string, Map<string, { arrival: Arrival; requests: number; events: number }>>();
  for (const arrival of arrivals) {
    const bySender = getOrMake(counts, arrival.source, () => new Map<string, { arrival: Arrival; requests: number; events: number }>());
    const count = getOrMake(bySender, arrival.actor.subject, () => ({ arrival, requests: 0, events: 0 }));
    count.requests += 1;
    count.events += arrival.events.length;
  }
  const all = [...counts.values()].flatMap((bySender) => [...bySender.values()]);
  return all.map(({ arrival: { actor, source }, requests, events }) => ({
    actor,
    action: 'event.receive',
    decision: 'ALLOWED',
    rowCount: events,
    details: { source, requests },
  }));
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
