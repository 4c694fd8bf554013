import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import type { RecordsBatch } from '@platformatic/kafka';
import { kafkaClient } from './kafka-client.js';

/** A batch of messages that can't be taken apart. */
export interface UnreadableBatch {
  readonly first: number;
  readonly last: number;
  /** For people. */
  readonly reason: string;
  readonly bytes: number;
}

/** Where things are in a batch, and how long what comes before its records is. */
const LENGTH_AT = 8;
const MAGIC_AT = 16;
const ATTRIBUTES_AT = 21;
const LAST_AT = 23;
const RECORDS_AT = 61;
/** Its length counts from here. */
const COUNTED_FROM = 12;
/** The format since Kafka 0.11. */
const MAGIC = 2;
const CODEC_BITS = 7;
/** What a batch may be when it is unpacked: a few bytes can be made to be anything. */
const MOST_BYTES = 128 * 1024 * 1024;
/** By the mark of the codec, those that make much of little; what the client unpacks by itself grows by some 250 times at the most. */
const BOUNDED: ReadonlyMap<number, (data: Buffer, options: { readonly maxOutputLength: number }) => Buffer> = new Map<
  number,
  typeof gunzipSync | typeof zstdDecompressSync
>([
  [1, gunzipSync],
  [4, zstdDecompressSync],
]);

/** The batches of a fetch, whose last one may be cut off and comes again; one that is broken does no harm to the others. */
export async function readBatches(records: Buffer): Promise<(RecordsBatch | UnreadableBatch)[]> {
  const { Reader, readRecordsBatch } = await kafkaClient();
  const batches: (RecordsBatch | UnreadableBatch)[] = [];
  for (let at = 0; records.length - at > ATTRIBUTES_AT;) {
    const length = COUNTED_FROM + records.readInt32BE(at + LENGTH_AT);
    if (length <= ATTRIBUTES_AT || length > records.length - at) break;
    const batch = records.subarray(at, at + length);
    at += length;
    try {
      if (batch[MAGIC_AT] !== MAGIC) throw new Error('of another format');
      const read = readRecordsBatch(Reader.from(unpacked(batch)));
      checkOrder(read);
      batches.push({ ...read, attributes: batch.readInt16BE(ATTRIBUTES_AT) });
    } catch (error) {
      batches.push(unreadable(batch, error));
    }
  }
  return batches;
}

/** Messages are where their batch says that it has some, so that no broken one moves us past others. */
function checkOrder({ records, lastOffsetDelta }: RecordsBatch): void {
  let before = -1;
  for (const { offsetDelta } of records) {
    if (offsetDelta <= before || offsetDelta > lastOffsetDelta) throw new Error('out of order');
    before = offsetDelta;
  }
}

/** The batch as one that was not packed. */
function unpacked(batch: Buffer): Buffer {
  const attributes = batch.readInt16BE(ATTRIBUTES_AT);
  const unpack = BOUNDED.get(attributes & CODEC_BITS);
  if (!unpack) return batch;
  const records = unpack(batch.subarray(RECORDS_AT), { maxOutputLength: MOST_BYTES });
  const head = Buffer.from(batch.subarray(0, RECORDS_AT));
  head.writeInt16BE(attributes & ~CODEC_BITS, ATTRIBUTES_AT);
  head.writeInt32BE(RECORDS_AT - COUNTED_FROM + records.length, LENGTH_AT);
  return Buffer.concat([head, records]);
}

function unreadable(batch: Buffer, error: unknown): UnreadableBatch {
  const first = Number(batch.readBigInt64BE());
  const isKnown = batch[MAGIC_AT] === MAGIC && batch.length >= RECORDS_AT;
  const reason = !isKnown
    ? 'the message is in a format that Kafka has not written since 0.11'
    : (error as { readonly code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE'
      ? `the batch of messages is larger than ${MOST_BYTES} bytes when it is unpacked`
      : 'the batch of messages can not be taken apart';
  return { first, last: isKnown ? first + Math.max(batch.readInt32BE(LAST_AT), 0) : first, reason, bytes: batch.length };
}
