import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw, createZstdDecompress, type Gunzip } from 'node:zlib';
import { HeadgateError } from './errors.js';

/** How content is packed; `identity` is not at all. */
export const CONTENT_CODINGS = ['identity', 'gzip', 'deflate', 'br', 'zstd'] as const;

export type ContentCoding = (typeof CONTENT_CODINGS)[number];

export interface DecodedLimits {
  /** Bytes of the content, unpacked; any number when absent. */
  readonly maxBytes?: number;
  /** How many times larger than it was packed the content may be, once it is larger than a MiB. */
  readonly maxRatio?: number;
}

/** Files of one value over and over reach some 500 to 1; what is made to fill a disk or a memory reaches far more but for gzip, which ends at 1030. */
const MAX_RATIO = 1000;

/** Less does no harm, however small it was packed. */
const RATIO_FROM = 1024 ** 2;

/** Larger than zlib's own, for fewer turns between its thread and ours. */
const CHUNK_BYTES = 256 * 1024;

/**
 * The content of a packed source, while it comes: in a memory that does not grow with it. Several members of gzip or frames of zstd, one
 * behind the other, are one content. Nothing at all is an empty content. An error of the source is thrown as it is.
 * @throws HeadgateError DATA_REJECTED when the content is damaged, cut off or has something behind it, is larger than `maxBytes`, or
 *   so much larger than what was packed that it is made to do harm.
 */
export async function* decoded(source: AsyncIterable<Buffer>, coding: ContentCoding, limits: DecodedLimits = {}): AsyncGenerator<Buffer> {
  const { maxBytes = Infinity, maxRatio = MAX_RATIO } = limits;
  const packed = new Packed(source);
  let size = 0;
  try {
    for await (const chunk of coding === 'identity' ? packed : unpacked(packed, coding)) {
      size += chunk.length;
      if (size > maxBytes) throw damaged(`The content is larger than the ${maxBytes} bytes that are accepted, unpacked.`, { expected: maxBytes });
      if (size > RATIO_FROM && size > packed.given * maxRatio) {
        throw damaged(`The content unpacks to more than ${maxRatio} times its size: nothing that is meant to be read does. Send it without compression.`);
      }
      yield chunk;
    }
  } finally {
    packed.release();
  }
}

/** A source, chunk by chunk, that counts what it gave and can take back the rest of a chunk. */
class Packed implements AsyncIterable<Buffer> {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer | undefined;
  given = 0;

  constructor(source: AsyncIterable<Buffer>) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  /** The next chunk, which is not empty; nothing at the end. */
  async next(): Promise<Buffer | undefined> {
    const rest = this.#rest;
    this.#rest = undefined;
    if (rest) return rest;
    for (let next = await this.#chunks.next(); !next.done; next = await this.#chunks.next()) {
      if (next.value.length === 0) continue;
      this.given += next.value.length;
      return next.value;
    }
    return undefined;
  }

  takeBack(rest: Buffer): void {
    if (rest.length > 0) this.#rest = rest;
  }

  /** Without waiting: a source that stalls would hold up whoever has had enough of it. */
  release(): void {
    this.#chunks.return?.().catch(() => undefined);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for (let chunk = await this.next(); chunk; chunk = await this.next()) yield chunk;
  }
}

async function* unpacked(packed: Packed, coding: Exclude<ContentCoding, 'identity'>): AsyncGenerator<Buffer> {
  for (let first = await packed.next(); first; first = await packed.next()) {
    packed.takeBack(first);
    yield* member(packed, decoderOf(coding, first), coding);
    const more = await packed.next();
    if (!more) return;
    // Node's decoders of gzip go on with the next member by themselves, and that of zstd only when a chunk ends between two frames.
    if (coding !== 'zstd') throw damaged(`After the ${coding} content more bytes follow that are not ${coding}.`);
    packed.takeBack(more);
  }
}

/** Unpacks until the decoder wants no more, and hands back what it did not take. */
async function* member(packed: Packed, decoder: Gunzip, coding: string): AsyncGenerator<Buffer> {
  let last: Buffer = Buffer.alloc(0);
  let before = 0;
  // A failure of the source itself (a client gone, an abort) is not the coding's.
  let sourceError: unknown;
  const feed = async () => {
    try {
      for (let chunk = await packed.next(); chunk; chunk = await packed.next()) {
        last = chunk;
        before = decoder.bytesWritten;
        await written(decoder, chunk);
        // It has come to its end, and would take what is written now for more of the same.
        if (decoder.destroyed || decoder.bytesWritten - before < chunk.length) return;
      }
      decoder.end();
    } catch (error) {
      sourceError = error;
      decoder.destroy(error as Error);
    }
  };
  const fed = feed();
  try {
    for await (const chunk of decoder) yield chunk as Buffer;
    decoder.destroy();
    await fed;
    packed.takeBack(last.subarray(decoder.bytesWritten - before));
  } catch (cause) {
    if (sourceError !== undefined) throw sourceError;
    const isCut = (cause as { code?: string }).code === 'Z_BUF_ERROR';
    throw damaged(
      isCut ? `The ${coding} content is cut off: it ends in the middle. Send the whole of it.` : `The ${coding} content is damaged, or something follows it.`,
      {},
      cause,
    );
  } finally {
    decoder.destroy();
  }
}

/** All decoders are of one class within, and have the same members. */
function decoderOf(coding: Exclude<ContentCoding, 'identity'>, first: Buffer): Gunzip {
  const options = { chunkSize: CHUNK_BYTES };
  if (coding === 'gzip') return createGunzip(options);
  if (coding === 'br') return createBrotliDecompress(options);
  if (coding === 'zstd') return createZstdDecompress(options);
  // RFC 9110 means zlib's format, and some servers send the bare one.
  return ((first[0] ?? 0) & 0x0f) === 8 ? createInflate(options) : createInflateRaw(options);
}

/** Resolves when the decoder has taken the chunk, or will take no more. */
async function written(decoder: Gunzip, chunk: Buffer): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = () => {
      decoder.off('close', done);
      resolve();
    };
    decoder.on('close', done);
    decoder.write(chunk, done);
  });
}

function damaged(message: string, details: Readonly<Record<string, unknown>> = {}, cause?: unknown): HeadgateError {
  return new HeadgateError('DATA_REJECTED', message, details, cause === undefined ? undefined : { cause });
}
