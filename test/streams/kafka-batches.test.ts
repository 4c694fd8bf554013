import { randomBytes } from 'node:crypto';
import { createRecordsBatch, type CompressionAlgorithmValue } from '@platformatic/kafka';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readBatches } from '../../src/ingestion/collectors/streams/kafka-batches.js';
import { messagesOf } from '../../src/ingestion/collectors/streams/kafka-records.js';

/** A batch from the offset on, as a broker has it. */
function batch(first: number, values: readonly string[], compression: CompressionAlgorithmValue = 'none'): Buffer {
  const messages = values.map((value) => ({ topic: 't', value: Buffer.from(value), timestamp: 1_000n }));
  const bytes = Buffer.from(createRecordsBatch(messages, { compression }).buffer);
  bytes.writeBigInt64BE(BigInt(first));
  return bytes;
}

async function read(...batches: readonly Buffer[]) {
  const { messages, next } = messagesOf(await readBatches(Buffer.concat(batches)), { from: 0, aborted: [], topic: 't', partition: 0 });
  return { next, told: messages.map(({ place, data, broken }) => [place, broken ?? Buffer.from(data).toString()]) };
}

const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;

test.each(CODECS)('batches that were packed by %s are the messages that were sent', async (codec) => {
  const values = Array.from({ length: 50 }, (_, i) => `value ${i}`.repeat(20));
  const { told, next } = await read(batch(10, values, codec), batch(60, ['last'], codec));
  expect(told).toEqual([...values.map((value, i) => [`0/${10 + i}`, value]), ['0/60', 'last']]);
  expect(next).toBe(61);
});

test('a batch that is cut off comes again', async () => {
  const [whole, cut] = [batch(0, ['a', 'b']), batch(2, ['c'])];
  for (const end of [1, 20, 22, 60, cut.length - 1]) expect(await read(whole, cut.subarray(0, end))).toMatchObject({ next: 2 });
});

test('a few bytes that are made to be very many are a message that is refused, and those after it are read', async () => {
  const large = 'x'.repeat(130 * 1024 * 1024);
  for (const codec of ['gzip', 'zstd'] as const) {
    const bomb = batch(5, [large, 'small'], codec);
    expect(bomb.length).toBeLessThan(200_000);
    expect((await read(batch(0, ['before']), bomb, batch(7, ['after'], codec))).told).toEqual([
      ['0/0', 'before'],
      ['0/5-6', 'the batch of messages is larger than 134217728 bytes when it is unpacked'],
      ['0/7', 'after'],
    ]);
  }
});

test('messages of a format that is no longer written are told, one by one', async () => {
  const old = batch(3, ['old']);
  old[16] = 1;
  expect((await read(old, batch(4, ['new']))).told).toEqual([
    ['0/3', 'the message is in a format that Kafka has not written since 0.11'],
    ['0/4', 'new'],
  ]);
});

test('lengths below zero lead nowhere, however many headers a record says that it has', async () => {
  // Behind eight bytes of the value: a thousand million headers, of which each ends where it begins by a length of -2.
  const text = `value a ${'#'.repeat(12)}`;
  const broken = batch(1, [text]);
  const at = broken.indexOf(text);
  broken[at - 1] = 2 * 8;
  Buffer.from([0xfe, 0xff, 0xff, 0xff, 0x07, 0x01, 0x03]).copy(broken, at + 8);
  expect((await read(batch(0, ['before']), broken, batch(2, ['after']))).told).toEqual([
    ['0/0', 'before'],
    ['0/1', 'the batch of messages can not be taken apart'],
    ['0/2', 'after'],
  ]);
});

test('whatever is wrong inside of a batch, those before and after it are read', async () => {
  const anyCodec = fc.constantFrom(...CODECS);
  // What is before it is where a batch begins and ends.
  const damage = fc.array(fc.tuple(fc.integer({ min: 27, max: 400 }), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(anyCodec, damage, async (codec, changes) => {
      const broken = batch(1, ['one', 'two', randomBytes(100).toString('hex')], codec);
      for (const [at, value] of changes) if (at < broken.length) broken[at] = value;
      const { told, next } = await read(batch(0, ['before']), broken, batch(4, ['after'], codec));
      expect(told[0]).toEqual(['0/0', 'before']);
      expect(told.at(-1)).toEqual(['0/4', 'after']);
      expect(next).toBe(5);
      const offsets = told.map(([place]) => Number(/\d+$/.exec(place ?? '')?.[0]));
      expect(offsets).toEqual([...new Set(offsets)].toSorted((a, b) => a - b));
    }),
    { seed: 7, numRuns: 2_000 },
  );
});
