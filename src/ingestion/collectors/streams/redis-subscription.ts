import { RESP_TYPES, type RedisClientType } from '@redis/client';
import { HeadgateError } from '../../../kernel/index.js';
import type { CollectorSpec } from '../collector-shape.js';
import type { Arrival, Consuming, Message, Subscription } from './broker.js';
import { redisError } from './redis-connection.js';

/** Where a collector is: the id of an entry, and how many the stream had been given when it was added, where that is known. */
export interface RedisPosition {
  readonly id: string;
  readonly entries?: number;
}

interface RedisMessage extends Message {
  readonly place: string;
  readonly entries: number | undefined;
}

interface RedisSubscriptionOptions {
  readonly client: RedisClientType;
  /** For what waits. */
  readonly reader: RedisClientType;
  readonly part: NonNullable<CollectorSpec['redis']>;
  readonly consuming: Consuming;
}

/** How long `next` waits. */
const WAIT_MS = 1_000;
/** Entries that are asked for at once, so that a few large ones are not too many. */
const MOST_AT_ONCE = 2_000;

/** Texts of answers as they came. */
const AS_BYTES = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } } as const;

interface Facts {
  readonly length: number;
  readonly added: number;
  readonly lastId: string;
  /** Of the first entry that is there. */
  readonly firstId: string;
}

/** Reads entries and the stream's counters in one step, so that what was trimmed before it was read is noticed. */
export class RedisSubscription implements Subscription<RedisMessage> {
  readonly begins: RedisPosition | undefined;
  readonly #options: RedisSubscriptionOptions;
  #id: string;
  /** Unknown when it was begun in the middle, until it has caught up. */
  #entries: number | undefined;
  /** Entries at a time; smaller when they are large. */
  #count: number;
  #isStarted: boolean;
  #isClosed = false;

  private constructor(options: RedisSubscriptionOptions, start: RedisPosition, isStarted: boolean, begins?: RedisPosition) {
    this.#options = options;
    this.#id = start.id;
    this.#entries = start.entries;
    this.#isStarted = isStarted;
    this.begins = begins;
    this.#count = Math.min(options.consuming.ahead, MOST_AT_ONCE);
  }

  /** @throws HeadgateError CONFLICT when the stream is another one than the position is of */
  static async open(options: RedisSubscriptionOptions): Promise<RedisSubscription> {
    const { client, part, consuming } = options;
    const { partition } = consuming;
    const position = consuming.position as RedisPosition | undefined;
    const facts = (await client.exists(partition)) === 0 ? undefined : await factsOf(client, partition);
    if (position) {
      if (facts && (compareIds(facts.lastId, position.id) < 0 || facts.added < (position.entries ?? 0))) {
        throw new HeadgateError(
          'CONFLICT',
          `The stream was made anew since it was read up to ${position.id}: its messages are others now. Reset the collector to read it from the beginning.`,
          { stream: partition },
        );
      }
      return new RedisSubscription(options, position, true);
    }
    const { from = 'first' } = part;
    if (from === 'new') {
      const begins = { id: facts?.lastId ?? '0-0', entries: facts?.added ?? 0 };
      return new RedisSubscription(options, begins, true, begins);
    }
    const id = from === 'first' ? '0-0' : `${Math.max(Date.parse(from) - 1, 0)}-18446744073709551615`;
    return new RedisSubscription(options, { id, ...(from === 'first' && { entries: 0 }) }, false);
  }

  async next(): Promise<Arrival<RedisMessage>> {
    const { consuming } = this.#options;
    try {
      const first = await this.#read();
      if (first.messages.length > 0 || this.#isClosed) return first;
      await this.#wait();
      return await this.#read();
    } catch (error) {
      throw redisError(error, consuming.source.name);
    }
  }

  positionAfter({ place, entries }: RedisMessage): RedisPosition {
    return { id: place, ...(entries !== undefined && { entries }) };
  }

  async committed(messages: readonly RedisMessage[]): Promise<void> {
    const { client, part, consuming } = this.#options;
    const last = messages.at(-1);
    if (part.group === undefined || !last) return;
    const { partition } = consuming;
    try {
      await client.xGroupSetId(partition, part.group, last.place);
    } catch (error) {
      if (!(error as Error).message.startsWith('NOGROUP')) throw error;
      await client.xGroupCreate(partition, part.group, last.place);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const { client, reader } = this.#options;
    for (const open of [client, reader]) if (open.isOpen) open.destroy();
  }

  async #read(): Promise<Arrival<RedisMessage>> {
    const { reader, consuming, part } = this.#options;
    const key = consuming.partition;
    // The commands go out together, and so does what they answer.
    const answers = await Promise.all([
      reader.sendCommand(['MULTI']),
      reader.sendCommand(['XRANGE', key, `(${this.#id}`, '+', 'COUNT', String(this.#count)]).catch(quiet),
      reader.sendCommand(['XINFO', 'STREAM', key]).catch(quiet),
      reader.sendCommand(['EXEC'], AS_BYTES),
    ]);
    const [range, info] = answers[3] as unknown as readonly [readonly (readonly [Buffer, readonly Buffer[]])[] | Error, readonly unknown[] | Error];
    if (range instanceof Error) throw range;
    // There is no such key: nothing was ever added, or it was deleted.
    const facts = info instanceof Error ? undefined : readFacts(info);
    if (!facts) return { messages: [], waiting: 0 };
    const missed = this.#missed(facts, range.length === 0);
    if (this.#entries !== undefined) this.#entries += missed;
    else if (range.length === 0) this.#entries = facts.added;
    let bytes = 0;
    const messages = range.map(([id, fields]): RedisMessage => {
      const place = id.toString('latin1');
      const data = dataOf(fields, part.entryField);
      bytes += data.length;
      if (this.#entries !== undefined) this.#entries += 1;
      return { place, data, time: Number(place.slice(0, place.indexOf('-'))), entries: this.#entries, stream: key };
    });
    const last = messages.at(-1);
    if (last) {
      this.#id = last.place;
      this.#count = Math.max(1, Math.min(consuming.ahead, MOST_AT_ONCE, Math.floor((consuming.aheadBytes / Math.max(bytes, 1)) * messages.length)));
    }
    const waiting = this.#entries === undefined ? undefined : Math.max(facts.added - this.#entries, 0);
    const isFirst = !this.#isStarted;
    this.#isStarted ||= messages.length > 0;
    // What was gone before the first look was never promised.
    return { messages, waiting, missed: isFirst ? 0 : missed };
  }

  /** Entries that were deleted after ours and before the next one; exact, unless single ones were deleted here and there. */
  #missed({ added, length, firstId }: Facts, isEmpty: boolean): number {
    if (this.#entries === undefined) return 0;
    if (isEmpty) return Math.max(added - this.#entries, 0);
    return compareIds(firstId, this.#id) <= 0 ? 0 : Math.max(added - length - this.#entries, 0);
  }

  async #wait(): Promise<void> {
    const { reader, consuming } = this.#options;
    await reader.sendCommand(['XREAD', 'COUNT', '1', 'BLOCK', String(WAIT_MS), 'STREAMS', consuming.partition, this.#id]);
  }
}

async function factsOf(client: RedisClientType, key: string): Promise<Facts> {
  return readFacts((await client.sendCommand(['XINFO', 'STREAM', key])) as unknown as readonly unknown[]);
}

/** Counters that an older Redis does not have are 0. */
function readFacts(pairs: readonly unknown[]): Facts {
  const facts = new Map(pairs.flatMap((name, i) => (i % 2 === 0 ? [[String(name), pairs[i + 1]] as const] : [])));
  const text = (name: string) => {
    const value = facts.get(name);
    return typeof value === 'string' || Buffer.isBuffer(value) ? value.toString() : '0-0';
  };
  const count = (name: string) => Number(facts.get(name) ?? 0);
  return { length: count('length'), added: count('entries-added'), lastId: text('last-generated-id'), firstId: text('recorded-first-entry-id') };
}

/** The message of an entry: one of its fields, or all of them as an object. */
function dataOf(fields: readonly Buffer[], field: string | undefined): Buffer {
  if (field === undefined) {
    const pairs = fields.flatMap((name, i) => (i % 2 === 0 ? [`${JSON.stringify(name.toString())}:${JSON.stringify(fields[i + 1]?.toString() ?? null)}`] : []));
    return Buffer.from(`{${pairs.join(',')}}`);
  }
  const at = fields.findIndex((name, i) => i % 2 === 0 && name.equals(Buffer.from(field)));
  return fields[at + 1] && at >= 0 ? (fields[at + 1] as Buffer) : Buffer.alloc(0);
}

function compareIds(a: string, b: string): number {
  const [[aTime = 0n, aNumber = 0n], [bTime = 0n, bNumber = 0n]] = [a.split('-').map(BigInt), b.split('-').map(BigInt)] as [bigint[], bigint[]];
  return aTime === bTime ? Number(aNumber - bNumber) : aTime < bTime ? -1 : 1;
}

/** What is wrong with a command is in the answer of EXEC. */
function quiet(): undefined {
  return undefined;
}
