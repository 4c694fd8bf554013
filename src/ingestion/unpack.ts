import { type Readable, Transform, type TransformCallback } from 'node:stream';
import { decoded } from '../kernel/index.js';
import { rejected } from './rejection.js';

const GZIP_MAGIC = [0x1f, 0x8b] as const;

/**
 * The bytes as they are meant: gunzipped when they begin like gzip, whatever the name says; a text never begins so.
 * @throws HeadgateError DATA_REJECTED when gzip was announced but is not there, is cut off, has something behind it or is a bomb.
 */
export async function* unpacked(source: Readable, announced: boolean): AsyncGenerator<Buffer> {
  const chunks = source[Symbol.asyncIterator]() as AsyncIterator<Buffer | string>;
  const head: Buffer[] = [];
  let size = 0;
  while (size < 2) {
    const { done, value } = await chunks.next();
    if (done) break;
    const bytes = typeof value === 'string' ? Buffer.from(value) : value;
    head.push(bytes);
    size += bytes.length;
  }
  const begin = Buffer.concat(head);
  const packed = begin[0] === GZIP_MAGIC[0] && begin[1] === GZIP_MAGIC[1];
  if (announced && !packed && begin.length > 0) throw rejected('Expected gzip, as the name or the header says; the content is not gzip.');
  const rest = follow(begin, chunks);
  if (packed) yield* decoded(rest, 'gzip');
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
