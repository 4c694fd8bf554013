import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import type { Reader, RecordsBatch } from '@platformatic/kafka';
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
/** How many records there are said to be. */
const COUNT_AT = 57;
/** What a batch may be when it is unpacked: a few bytes can be made to be anything. */
const MOST_BYTES = 128 * 1024 * 1024;
/** By the mark of the codec, those that make much of little; what the client unpacks grows by some 250 times at the most. */
const BOUNDED: ReadonlyMap<number, (data: Buffer, options: { readonly maxOutputLength: number }) => Buffer> = new Map<
  number,
  typeof gunzipSync | typeof zstdDecompressSync
>([
  [1, gunzipSync],
  [4, zstdDecompressSync],
]);

/** The batches of a fetch, whose last one may be cut off and comes again; one that is broken does no harm to the others. */
export async function readBatches(records: Buffer): Promise<(RecordsBatch | UnreadableBatch)[]> {
  const { compressionsAlgorithmsByBitmask, Reader, readRecordsBatch } = await kafkaClient();
  const others = new Map(Object.entries(compressionsAlgorithmsByBitmask).map(([mark, { decompressSync }]) => [Number(mark), decompressSync]));
  const batches: (RecordsBatch | UnreadableBatch)[] = [];
  for (let at = 0; records.length - at > ATTRIBUTES_AT;) {
    const length = COUNTED_FROM + records.readInt32BE(at + LENGTH_AT);
    if (length <= ATTRIBUTES_AT || length > records.length - at) break;
    const batch = records.subarray(at, at + length);
    at += length;
    try {
      if (batch[MAGIC_AT] !== MAGIC) throw new Error('of another format');
      const plain = unpacked(batch, others);
      if (plain.readInt32BE(COUNT_AT) > plain.length) throw new Error('more records than there can be');
      const read = readRecordsBatch(strict(Reader.from(plain)));
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
function unpacked(batch: Buffer, others: ReadonlyMap<number, (data: Buffer) => Buffer>): Buffer {
  const attributes = batch.readInt16BE(ATTRIBUTES_AT);
  const codec = attributes & CODEC_BITS;
  if (codec === 0) return batch;
  const packed = batch.subarray(RECORDS_AT);
  const records = BOUNDED.get(codec)?.(packed, { maxOutputLength: MOST_BYTES }) ?? others.get(codec)?.(packed);
  if (!records) throw new Error('packed by what is not known');
  const head = Buffer.from(batch.subarray(0, RECORDS_AT));
  head.writeInt16BE(attributes & ~CODEC_BITS, ATTRIBUTES_AT);
  head.writeInt32BE(RECORDS_AT - COUNTED_FROM + records.length, LENGTH_AT);
  return Buffer.concat([head, records]);
}

/** With the client's own, lengths below zero lead back to where it was, and a few bytes are read until the memory is full. */
function strict(reader: Reader): Reader {
  const length = (): number => {
    const found = reader.readVarInt();
    if (found < -1 || found > reader.remaining) throw new Error('a length that can not be');
    return found;
  };
  reader.readVarIntBytes = () => {
    const size = length();
    // The client says so of values that are null.
    if (size === -1) return null as unknown as Buffer;
    const value = reader.buffer.slice(reader.position, reader.position + size);
    reader.position += size;
    return value;
  };
  reader.readVarIntArray = <T>(read: (reader: Reader, i: number) => T) => Array.from({ length: Math.max(length(), 0) }, (_, i) => read(reader, i));
  return reader;
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
