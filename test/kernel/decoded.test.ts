import { Readable } from 'node:stream';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decoded, type ContentCoding, type DecodedLimits } from '../../src/kernel/index.js';

type Pack = (content: Buffer) => Buffer;

const PACKERS: readonly [string, ContentCoding, Pack][] = [
  ['gzip', 'gzip', gzipSync],
  ['deflate', 'deflate', deflateSync],
  ['deflate without its frame', 'deflate', deflateRawSync],
  ['br', 'br', brotliCompressSync],
  ['zstd', 'zstd', zstdCompressSync],
];

const MIB = 1024 ** 2;
const CONTENT = Buffer.from(Array.from({ length: 5000 }, (_, i) => `${i},${(i * 7919) % 100_003}\n`).join(''));

async function unpack(parts: Iterable<Buffer> | AsyncIterable<Buffer>, coding: ContentCoding, limits?: DecodedLimits): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of decoded(Readable.from(parts), coding, limits)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** As a network would cut it. */
function cutAt(bytes: Buffer, places: readonly number[]): Buffer[] {
  const edges = [0, ...places.map((place) => place % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b);
  return edges.slice(1).map((edge, i) => bytes.subarray(edges[i], edge));
}

describe.each(PACKERS)('%s', (_, coding, pack) => {
  test('is unpacked, however it is cut into chunks', async () => {
    const packed = pack(CONTENT);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(), { maxLength: 6 }), async (places) => {
        expect((await unpack(cutAt(packed, places), coding)).equals(CONTENT)).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  test('without any content is empty', async () => {
    expect(await unpack([], coding)).toHaveLength(0);
    expect(await unpack([pack(Buffer.alloc(0))], coding)).toHaveLength(0);
  });

  test('is refused when it ends early', async () => {
    const packed = pack(CONTENT);
    for (const length of [1, 2, 20, packed.length - 1]) {
      await expect(unpack([packed.subarray(0, length)], coding)).rejects.toMatchObject({ code: 'DATA_REJECTED' });
    }
  });

  test.each([false, true])('is refused when something is behind it; in a chunk of its own: %s', async (isApart) => {
    const parts = [pack(CONTENT), Buffer.from('and more')];
    await expect(unpack(isApart ? parts : [Buffer.concat(parts)], coding)).rejects.toMatchObject({ code: 'DATA_REJECTED' });
  });

  test('is refused at the bound on its bytes, and not unpacked further', async () => {
    const limits = { maxBytes: CONTENT.length };
    expect(await unpack([pack(CONTENT)], coding, limits)).toHaveLength(CONTENT.length);
    const more = pack(Buffer.concat([CONTENT, Buffer.from('1')]));
    await expect(unpack([more], coding, limits)).rejects.toMatchObject({ code: 'DATA_REJECTED', details: { expected: CONTENT.length } });
  });

  test('is refused when it unpacks to far more than it was', async () => {
    const bomb = pack(Buffer.alloc(8 * MIB));
    await expect(unpack([bomb], coding, { maxRatio: 200 })).rejects.toThrow(/more than 200 times/);
    // A little does no harm, whatever its ratio.
    expect(await unpack([pack(Buffer.alloc(MIB))], coding, { maxRatio: 2 })).toHaveLength(MIB);
  });

  test('whose source fails, fails as the source did', async () => {
    async function* broken(): AsyncGenerator<Buffer> {
      yield pack(CONTENT).subarray(0, 30);
      throw new Error('the client is gone');
    }
    await expect(unpack(broken(), coding)).rejects.toThrow('the client is gone');
  });
});

test.each<[ContentCoding, Pack]>([
  ['gzip', gzipSync],
  ['zstd', zstdCompressSync],
])('several of %s, one behind the other, are one content however they are cut into chunks', async (coding, pack) => {
  const pieces = cutAt(CONTENT, [1, 20_000, 20_000, 40_000]);
  const packed = Buffer.concat(pieces.map((piece) => pack(piece)));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(), { maxLength: 8 }), async (places) => {
      expect((await unpack(cutAt(packed, places), coding)).equals(CONTENT)).toBe(true);
    }),
    { numRuns: 30 },
  );
});

test('zstd and br of zeros are bombs without a word on it', async () => {
  await expect(unpack([zstdCompressSync(Buffer.alloc(8 * MIB))], 'zstd')).rejects.toThrow(/more than 1000 times/);
  await expect(unpack([brotliCompressSync(Buffer.alloc(8 * MIB))], 'br')).rejects.toThrow(/more than 1000 times/);
});

test('what is not packed passes as it is, within its bound', async () => {
  expect(await unpack([CONTENT], 'identity')).toEqual(CONTENT);
  await expect(unpack([CONTENT], 'identity', { maxBytes: 10 })).rejects.toMatchObject({ code: 'DATA_REJECTED', details: { expected: 10 } });
});

test('who has had enough is not held up by a source that stalls, and lets go of it', async () => {
  const released = Promise.withResolvers<void>();
  async function* stalls(): AsyncGenerator<Buffer> {
    try {
      for (let i = 0; ; i++) yield Buffer.concat([gzipSync(CONTENT)]);
    } finally {
      released.resolve();
    }
  }
  for await (const chunk of decoded(stalls(), 'gzip')) {
    expect(chunk.length).toBeGreaterThan(0);
    break;
  }
  await released.promise;

  const never: AsyncIterable<Buffer> = {
    [Symbol.asyncIterator]: () => {
      const parts = [gzipSync(CONTENT)];
      return { next: () => (parts.length > 0 ? Promise.resolve({ value: parts.pop() ?? Buffer.alloc(0), done: false }) : new Promise(() => undefined)) };
    },
  };
  for await (const chunk of decoded(never, 'gzip')) {
    expect(chunk.length).toBeGreaterThan(0);
    break;
  }
});
