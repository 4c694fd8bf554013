import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Batches } from '../../src/ingestion/collectors/streams/batches.js';
import type { Arrival, Message, Subscription } from '../../src/ingestion/collectors/streams/broker.js';
import { readMessages, type MessageFormat } from '../../src/ingestion/collectors/streams/message-rows.js';

const MAX_BYTES = 200;

function messagesOf(contents: readonly (string | Uint8Array)[]): Message[] {
  return contents.map((content, i) => ({ place: i + 1, data: Buffer.from(content as Uint8Array), time: 0 }));
}

function read(contents: readonly (string | Uint8Array)[], format: MessageFormat = {}, sealed = false) {
  return readMessages(messagesOf(contents), { format, maxBytes: MAX_BYTES, sealed, nameOf: ({ place }) => `s/${place}` });
}

const linesOf = (content: Buffer) => content.toString('utf8').split('\n').slice(0, -1);

describe('messages as rows', () => {
  test('whatever else came, an object is a line of its own, with its place', () => {
    const good = fc.record({ id: fc.integer(), text: fc.string({ maxLength: 20 }) }).map((row) => JSON.stringify(row));
    const pretty = fc.record({ id: fc.integer() }).map((row) => JSON.stringify(row, undefined, 2).replaceAll('\n', '\r\n'));
    const junk = fc.oneof(
      fc.uint8Array({ maxLength: 30 }),
      fc.string({ maxLength: 30 }),
      fc.constantFrom('', ' \n', '{"a":"\n"}', '{', '[{"a":1},', '\u0001', 'x'.repeat(300)),
    );
    const message = fc.oneof(
      good.map((text) => ({ text, row: JSON.parse(text) as unknown })),
      pretty.map((text) => ({ text, row: JSON.parse(text) as unknown })),
      junk.map((text) => ({ text, row: undefined })),
    );
    fc.assert(
      fc.property(fc.array(message, { maxLength: 12 }), fc.boolean(), (messages, sealed) => {
        const { content, rows, positionOf, refused } = read(
          messages.map(({ text }) => text),
          {},
          sealed,
        );
        const lines = linesOf(content);
        expect(lines).toHaveLength(rows);
        const rowsAt = new Map(lines.map((line, i) => [positionOf(i + 1), line]));
        const refusedAt = new Set(refused.map(({ position }) => position));
        messages.forEach(({ row }, i) => {
          const line = rowsAt.get(`s/${i + 1}`);
          if (row !== undefined) expect(JSON.parse(line ?? '')).toEqual(row);
          // Each message is one or the other; arrays of rows have places with a part.
          else expect(refusedAt.has(`s/${i + 1}`) || line !== undefined || rowsAt.has(`s/${i + 1}#1`) || rows > 0).toBe(true);
        });
        if (sealed) expect(refused.every(({ raw }) => raw === null)).toBe(true);
      }),
      { seed: 7 },
    );
  });

  test('what is known of a message wins over what it says, and a broken row stays broken', () => {
    const { content } = read(['{"id":1,"at":"x"}', '{}', '{ }', '{"id":"}'], { fields: { at: '$receivedAt', place: '$position' }, rest: true });
    const lines = linesOf(content);
    const facts = { at: '1970-01-01T00:00:00.000Z' };
    expect(lines.slice(0, 3).map((line) => JSON.parse(line) as unknown)).toEqual([
      { id: 1, ...facts, place: '1' },
      { ...facts, place: '2' },
      { ...facts, place: '3' },
    ]);
    expect(() => JSON.parse(lines[3] ?? '') as unknown).toThrow();
  });

  test('a row is made of the members that are named, and of the others where they are wanted; a broken one stays broken', () => {
    const messages = ['{"key":{"no":12345678901234567890.10},\n"note":"a","more":[1]}', '{"note":null}', '{}', '{"key":{"no":1}'];
    const fields = { id: '/key/no', note: '/note', place: '$position', whole: '' };
    const made = linesOf(read(messages, { fields }).content);
    expect(made.slice(0, 3)).toEqual([
      '{"id":12345678901234567890.10,"note":"a","place":"1","whole":{"key":{"no":12345678901234567890.10}, "note":"a","more":[1]}}',
      '{"note":null,"place":"2","whole":{"note":null}}',
      '{"place":"3","whole":{}}',
    ]);
    expect(made[3]).toBe(messages[3]);
    expect(linesOf(read([messages[0] ?? ''], { fields: { key: '/key/no' }, rest: true }).content)).toEqual([
      '{"key":12345678901234567890.10,"note":"a","more":[1]}',
    ]);
  });

  test('numbers inside of an envelope stay as they are written', () => {
    const { content, refused } = read(['{"a":{"b~/":{"id":12345678901234567890.10}}}', '{"a":1}'], { items: '/a/b~0~1' });
    expect(linesOf(content)).toEqual(['{"id":12345678901234567890.10}']);
    expect(refused).toMatchObject([{ position: 's/2', reason: expect.stringContaining('/a/b~0~1') as string }]);
  });

  test('lines of a message are rows with places of their own', () => {
    const { content, positionOf } = read(['{"id":1}\r\n\n{"id":2}\n', '{"id":3}'], { format: 'ndjson' });
    expect(linesOf(content)).toEqual(['{"id":1}', '{"id":2}', '{"id":3}']);
    expect([1, 2, 3, 4].map((line) => positionOf(line))).toEqual(['s/1#1', 's/1#2', 's/2', undefined]);
  });
});

describe('batches', () => {
  function subscription(arrivals: readonly number[]): Subscription {
    let place = 0;
    const queue = [...arrivals];
    return {
      next: async (): Promise<Arrival> => {
        const count = queue.shift();
        if (count === undefined) return new Promise(() => undefined);
        return { messages: Array.from({ length: count }, () => ({ place: (place += 1), data: Buffer.alloc(10), time: 0 })), waiting: 0, missed: 1 };
      },
      positionAfter: ({ place: at }) => at,
      committed: async () => undefined,
      close: async () => undefined,
    };
  }

  test('hold all messages once, in order, within rows and bytes, however they arrived', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 10 }),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 10, max: 200 }),
        async (arrivals, rows, bytes) => {
          const total = arrivals.reduce((sum, count) => sum + count, 0);
          const batches = new Batches(subscription(arrivals), { rows, bytes, waitMs: 1 });
          const seen: unknown[] = [];
          let missed = 0;
          while (seen.length < total) {
            const batch = await batches.next();
            expect(batch.messages.length).toBeLessThanOrEqual(Math.min(rows, Math.max(1, Math.floor(bytes / 10))));
            seen.push(...batch.messages.map(({ place }) => place));
            missed += batch.missed;
          }
          expect(seen).toEqual(Array.from({ length: total }, (_, i) => i + 1));
          expect(missed).toBe(arrivals.length);
        },
      ),
      { seed: 7, numRuns: 40 },
    );
  });

  test('one with nothing in it says that nothing came', async () => {
    const batches = new Batches(subscription([0, 2]), { rows: 10, bytes: 100, waitMs: 1 });
    expect((await batches.next()).messages).toEqual([]);
    expect((await batches.next()).messages).toHaveLength(2);
  });
});
