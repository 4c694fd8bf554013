import { type Readable, Transform, type TransformCallback } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { HeadgateError } from '../kernel/index.js';
import { rejected } from './rejection.js';

const GZIP_MAGIC = [0x1f, 0x8b] as const;

/**
 * The bytes as they are meant: gunzipped when they begin like gzip, whatever the name says; a text never begins so.
 * @throws HeadgateError DATA_REJECTED when gzip was announced but is not there, is cut off or has something behind it.
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
  if (packed) yield* gunzipped(rest);
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

async function* gunzipped(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: 256 * 1024 });
  let given = 0;
  // A failure of the source itself (a client gone, an abort) is not gzip's.
  let sourceError: unknown;
  const feed = (async () => {
    try {
      for await (const chunk of source) {
        given += chunk.length;
        if (!gunzip.write(chunk)) await drained(gunzip);
        if (gunzip.destroyed) return;
      }
      gunzip.end();
    } catch (error) {
      sourceError = error;
      gunzip.destroy(error as Error);
    }
  })();
  try {
    for await (const chunk of gunzip) yield chunk as Buffer;
    await feed;
  } catch (cause) {
    if (sourceError !== undefined) throw sourceError;
    if (cause instanceof HeadgateError) throw cause;
    const cut = (cause as { code?: string }).code === 'Z_BUF_ERROR';
    throw rejected(
      cut ? 'The gzip content is cut off: it ends in the middle. Send the whole file.' : 'The gzip content is damaged, or something follows it.',
      {},
      cause,
    );
  } finally {
    gunzip.destroy();
  }
  // zlib stops without a word at padding behind the last member.
  if (gunzip.bytesWritten < given) throw rejected(`After the gzip content ${given - gunzip.bytesWritten} more bytes follow that are not gzip.`);
}

function drained(stream: NodeJS.WritableStream): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stream.off('drain', done);
      stream.off('close', done);
      resolve();
    };
    stream.on('drain', done);
    stream.on('close', done);
  });
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
