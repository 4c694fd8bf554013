import { type Readable, Transform, type TransformCallback } from 'node:stream';
import { decoded, HeadgateError } from '../kernel/index.js';
import { rejected } from './rejection.js';

/** How content may be packed. */
export type Packing = 'gzip' | 'zstd';

const MAGIC: readonly (readonly [packing: Packing, begin: readonly number[]])[] = [
  ['gzip', [0x1f, 0x8b]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
];
const LONGEST_MAGIC = 4;

/** What the sender says: by the header, or the name. @throws HeadgateError BAD_USER_INPUT for an encoding that is not known. */
export function announcedPacking(encoding: string | undefined, fileName: string | undefined): Packing | undefined {
  const name = encoding?.trim().toLowerCase() ?? '';
  if (name === 'gzip' || name === 'x-gzip') return 'gzip';
  if (name === 'zstd') return 'zstd';
  if (name !== '' && name !== 'identity') {
    throw new HeadgateError('BAD_USER_INPUT', `Expected the Content-Encoding gzip, zstd or none, got "${name.slice(0, 40)}".`, {
      expected: ['gzip', 'zstd', 'identity'],
    });
  }
  if (fileName?.endsWith('.gz')) return 'gzip';
  return fileName?.endsWith('.zst') ? 'zstd' : undefined;
}

/**
 * The bytes as they are meant: unpacked when they begin like gzip or zstd, whatever the name says; a text never begins so.
 * @param found told before the first byte
 * @throws HeadgateError DATA_REJECTED when a packing was announced but is not there, is cut off, has something behind it or is a bomb.
 */
export async function* unpacked(source: Readable, announced: Packing | undefined, found?: (packing: Packing | undefined) => void): AsyncGenerator<Buffer> {
  const chunks = source[Symbol.asyncIterator]() as AsyncIterator<Buffer | string>;
  const head: Buffer[] = [];
  let size = 0;
  while (size < LONGEST_MAGIC) {
    const { done, value } = await chunks.next();
    if (done) break;
    const bytes = typeof value === 'string' ? Buffer.from(value) : value;
    head.push(bytes);
    size += bytes.length;
  }
  const begin = Buffer.concat(head);
  const packed = MAGIC.find(([, magic]) => magic.every((byte, i) => begin[i] === byte))?.[0];
  if (announced && packed !== announced && begin.length > 0)
    throw rejected(`Expected ${announced}, as the name or the header says; the content is not ${announced}.`);
  found?.(packed);
  const rest = follow(begin, chunks);
  if (packed) yield* decoded(rest, packed);
  else yield* rest;
}

async function* follow(begin: Buffer, chunks: AsyncIterator<Buffer | string>): AsyncGenerator<Buffer> {
  try {
    if (begin.length > 0) yield begin;
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield typeof next.value === 'string' ? Buffer.from(next.value) : next.value;
  } finally {
    await chunks.return?.();
  }
}

/** Passes bytes on and counts them, for progress on a packed source. */
export class ByteCounter extends Transform {
  readonly #onBytes: (count: number) => void;
  #count = 0;

  constructor(onBytes: (count: number) => void) {
    super();
    this.#onBytes = onBytes;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#onBytes((this.#count += chunk.length));
    done(null, chunk);
  }
}
