import type { RecordsBatch } from '@platformatic/kafka';
import { expect, test } from 'vitest';
import { messagesOf, type AbortedTransaction } from '../../src/ingestion/collectors/streams/kafka-records.js';

const TRANSACTIONAL = 16;
const CONTROL = 32;

/** Records at the offsets, of a producer. */
function batch(first: number, offsets: readonly number[], more: Partial<RecordsBatch> = {}): RecordsBatch {
  const records = offsets.map((offset) => ({
    length: 0,
    attributes: 0,
    timestampDelta: 5n,
    offsetDelta: offset - first,
    key: null,
    value: Buffer.from(String(offset)),
    headers: [],
  }));
  return {
    firstOffset: BigInt(first),
    lastOffsetDelta: (offsets.at(-1) ?? first) - first,
    length: 0,
    partitionLeaderEpoch: 0,
    magic: 2,
    crc: 0,
    attributes: 0,
    firstTimestamp: 1_000n,
    maxTimestamp: 2_000n,
    producerId: -1n,
    producerEpoch: 0,
    firstSequence: 0,
    records,
    ...more,
  };
}

function read(batches: readonly RecordsBatch[], { from = 0, aborted = [] }: { from?: number; aborted?: readonly AbortedTransaction[] } = {}) {
  const { messages, next } = messagesOf(batches, { from, aborted, topic: 't', partition: 3 });
  return { offsets: messages.map(({ offset }) => offset), messages, next };
}

test('a batch that begins before what was asked for gives what was asked for', () => {
  expect(read([batch(0, [0, 1, 2]), batch(3, [3])], { from: 2 })).toMatchObject({ offsets: [2, 3], next: 4 });
});

test('offsets that a compacted topic has no more are passed over, also at the end of a batch', () => {
  expect(read([batch(0, [1, 4], { lastOffsetDelta: 9 }), batch(10, [], { lastOffsetDelta: 4 })])).toMatchObject({ offsets: [1, 4], next: 15 });
  expect(read([], { from: 7 })).toMatchObject({ offsets: [], next: 7 });
});

test('what a transaction wrote that was given up is no message, and neither are its marks', () => {
  const of = (producerId: bigint) => ({ attributes: TRANSACTIONAL, producerId });
  const mark = (producerId: bigint) => ({ attributes: TRANSACTIONAL | CONTROL, producerId });
  const batches = [
    batch(0, [0], of(1n)), // committed before
    batch(1, [1], mark(1n)),
    batch(2, [2], of(1n)), // given up
    batch(3, [3], of(2n)), // of another, committed
    batch(4, [4]), // of none
    batch(5, [5, 6], of(1n)), // given up
    batch(7, [7], mark(1n)),
    batch(8, [8], of(1n)), // the next one of the same producer
    batch(9, [9], of(3n)), // given up
    batch(10, [10], mark(2n)),
    batch(11, [11], mark(3n)),
  ];
  const aborted = [
    { producerId: 3n, firstOffset: 9n },
    { producerId: 1n, firstOffset: 2n },
  ];
  expect(read(batches, { aborted })).toMatchObject({ offsets: [0, 3, 4, 8], next: 12 });
  // It began before what was asked for.
  expect(read(batches.slice(5), { from: 5, aborted })).toMatchObject({ offsets: [8], next: 12 });
});

test('the time is the producer’s, or the broker’s where the topic says so, and always one that a date can have', () => {
  const times = (more: Partial<RecordsBatch>) => read([batch(0, [0], more)]).messages.map(({ time }) => time);
  expect(times({})).toEqual([1_005]);
  expect(times({ attributes: 8 })).toEqual([2_000]);
  for (const firstTimestamp of [-1_000_000n, 2n ** 62n]) {
    const [time] = times({ firstTimestamp });
    expect(new Date(time ?? Number.NaN).toISOString()).toMatch(/^(1970|\+275760)/);
  }
});

test('a message has its partition and offset as its place, and none has no content', () => {
  const empty = batch(8, [8]);
  const [record] = empty.records;
  if (record) record.value = null;
  expect(read([empty]).messages).toMatchObject([{ place: '3/8', partition: 3, offset: 8, topic: 't', data: new Uint8Array(0), key: null }]);
});
