import { type Readable, Transform, type TransformCallback } from 'node:stream';
import { createGunzip, createZstdDecompress, type Gunzip, type ZstdDecompress } from 'node:zlib';
import { HeadgateError } from '../kernel/index.js';
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
 * @throws HeadgateError DATA_REJECTED when a packing was announced but is not there, is cut off or has something behind it.
 */
export async function* unpacked(source: Readable, announced: Packing | undefined): AsyncGenerator<Buffer> {
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
  const rest = follow(begin, chunks);
  if (packed === 'gzip') yield* gunzipped(rest);
  else if (packed === 'zstd') yield* frames(rest);
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

/** A file may have several members, which zlib reads as one. */
async function* gunzipped(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const fed = new Feed(source);
  let left = 0;
  try {
    yield* through(fed, createGunzip({ chunkSize: 256 * 1024 }), 'gzip');
    // zlib stops without a word at padding behind the last member.
    for (let chunk = await fed.next(); chunk; chunk = await fed.next()) left += chunk.length;
  } finally {
    await fed.close();
  }
  if (left > 0) throw rejected(`After the gzip content ${left} more bytes follow that are not gzip.`);
}

/** Frames one after the other, as parallel packers and `cat` make them; Node.js reads one at a time. */
async function* frames(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const fed = new Feed(source);
  try {
    do yield* through(fed, createZstdDecompress({ chunkSize: 256 * 1024 }), 'zstd');
    while (await fed.hasMore());
  } finally {
    await fed.close();
  }
}

/** Chunks on their way into an unpacking stream, of which those behind its end are given to the next one. */
class Feed {
  readonly #chunks: AsyncIterator<Buffer>;
  #waiting: Buffer[] = [];

  constructor(source: AsyncIterable<Buffer>) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  async next(): Promise<Buffer | undefined> {
    const waiting = this.#waiting.shift();
    if (waiting) return waiting;
    const { done, value } = await this.#chunks.next();
    return done ? undefined : value;
  }

  giveBack(chunks: readonly Buffer[]): void {
    this.#waiting.unshift(...chunks.filter(({ length }) => length > 0));
  }

  async hasMore(): Promise<boolean> {
    const chunk = await this.next();
    if (chunk) this.giveBack([chunk]);
    return chunk !== undefined;
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}

async function* through(feed: Feed, stream: Gunzip | ZstdDecompress, packing: Packing): AsyncGenerator<Buffer> {
  // What was given and may not be read yet: the stream may end in the middle of it.
  const given: Buffer[] = [];
  let before = 0;
  const forget = () => {
    while (given[0] && before + given[0].length <= stream.bytesWritten) before += given.shift()?.length ?? 0;
  };
  // A failure of the source itself (a client gone, an abort) is not the packing's.
  let sourceError: unknown;
  const feeding = (async () => {
    try {
      for (let chunk = await feed.next(); chunk; chunk = await feed.next()) {
        given.push(chunk);
        if (stream.destroyed || stream.readableEnded) return;
        if (!stream.write(chunk)) await drained(stream);
        if (stream.destroyed || stream.readableEnded) return;
        forget();
      }
      stream.end();
    } catch (error) {
      sourceError = error;
      stream.destroy(error as Error);
    }
  })();
  try {
    for await (const chunk of stream) yield chunk as Buffer;
    await feeding;
  } catch (cause) {
    if (sourceError !== undefined) throw sourceError;
    if (cause instanceof HeadgateError) throw cause;
    const cut = (cause as { code?: string }).code === 'Z_BUF_ERROR';
    throw rejected(
      cut ? `The ${packing} content is cut off: it ends in the middle. Send the whole file.` : `The ${packing} content is damaged, or something follows it.`,
      {},
      cause,
    );
  } finally {
    stream.destroy();
  }
  forget();
  const [first, ...others] = given;
  if (first) feed.giveBack([first.subarray(stream.bytesWritten - before), ...others]);
}

function drained(stream: NodeJS.WritableStream): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stream.off('drain', done);
      stream.off('end', done);
      stream.off('close', done);
      resolve();
    };
    stream.on('drain', done);
    stream.on('end', done);
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
