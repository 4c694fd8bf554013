import { createHash, type Hash, type Hmac } from 'node:crypto';
import { mkdir, open, readdir, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { FieldCipher } from '../vault/index.js';
import { rowsDialect, type Dialect } from './dialect/dialect.js';
import type { ContentPart, JoinedContent } from './joined/joined-content.js';
import type { Veil } from './parquet/veil.js';

/** A source, unpacked and whole on the local disk, so that no transaction is open while a slow client sends. */
export interface Spooled {
  readonly path: string;
  /** Bytes of the file. */
  readonly size: number;
  /** Bytes of the content, unpacked; they are those of the file but for what was encrypted. */
  readonly contentSize: number;
  /** SHA-256 of the unpacked content, hex; of content with encrypted fields a keyed hash. */
  readonly hash: string;
  /** What it may have, unpacked; of a format that is unpacked when it is read. */
  readonly maxBytes?: number;
  /** The files that it was made of. */
  readonly parts: readonly ContentPart[];
  /** How the rows of a CSV text are written. */
  readonly dialect: Dialect;
  /** Of a file whose bytes are hidden: what shows them. */
  readonly veil?: Veil | undefined;
  /** Of a hidden file with encrypted fields: they are encrypted as it is read. */
  readonly cipher?: Pick<FieldCipher, 'seal'> | undefined;
}

export interface SpoolOptions {
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
  /** Of content that may not reach the disk as it is: what is written instead, and what hashes the content. */
  readonly sealing?: Sealing | undefined;
}

export interface Sealing {
  readonly hash: Hash | Hmac;
  readonly sealed: (content: AsyncIterable<Buffer>, dialect: Dialect) => AsyncIterable<Buffer>;
  /** Where the values can only be found in the whole file, which is then hidden as a whole. */
  readonly veil?: Veil;
  readonly cipher?: Pick<FieldCipher, 'seal'>;
}

/** Bytes that may wait to be written. */
const WRITTEN_AT_ONCE = 1024 * 1024;

/** The folder `spool` of the home: a file per load that runs, named `<run>.<process>`; all of them are ours to delete. */
export class Spool {
  readonly #folder: string;

  constructor(home: string) {
    this.#folder = join(home, 'spool');
  }

  /**
   * Writes the source to the disk while hashing, hands the file to `work`, and deletes it however that ends.
   * @throws HeadgateError DATA_REJECTED when it is larger than `maxBytes` unpacked, or what packs it is not whole.
   */
  async with<T>(runId: string, source: JoinedContent, options: SpoolOptions, work: (spooled: Spooled) => Promise<T>): Promise<T> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const path = join(this.#folder, `${runId}.${process.pid}`);
    try {
      return await work(await write(path, source, options));
    } finally {
      source.destroy();
      await rm(path, { force: true });
    }
  }

  /** Deletes what processes left that were killed; those of running ones stay. */
  async sweep(): Promise<void> {
    for (const name of await readdir(this.#folder).catch(() => [])) {
      const owner = Number(name.split('.').at(-1));
      if (!isAlive(owner)) await rm(join(this.#folder, name), { force: true });
    }
  }
}

async function write(path: string, source: JoinedContent, options: SpoolOptions): Promise<Spooled> {
  const { signal, sealing } = options;
  const onAbort = () => source.destroy(signal?.reason instanceof Error ? signal.reason : undefined);
  signal?.throwIfAborted();
  signal?.addEventListener('abort', onAbort, { once: true });
  const file = await open(path, 'w', 0o600);
  try {
    const written = await (sealing ? writeSealed(file, source, sealing) : writePlain(file, source));
    signal?.throwIfAborted();
    return { path, ...written, parts: source.parts, maxBytes: options.maxBytes, veil: sealing?.veil, cipher: sealing?.cipher };
  } finally {
    signal?.removeEventListener('abort', onAbort);
    await file.close();
  }
}

type Written = Pick<Spooled, 'size' | 'contentSize' | 'hash' | 'dialect'>;

async function writePlain(file: FileHandle, source: JoinedContent): Promise<Written> {
  const hash = createHash('sha256');
  let size = 0;
  const { content, dialect } = await source.read();
  async function* hashed(): AsyncGenerator<Buffer> {
    for await (const chunk of content) {
      size += chunk.length;
      hash.update(chunk);
      yield chunk;
    }
  }
  // Chunks are small; the system writes some of them at once, while this thread hashes the next ones.
  await pipeline(hashed(), file.createWriteStream({ highWaterMark: WRITTEN_AT_ONCE }));
  return { size, contentSize: size, hash: hash.update(rowsDialect(dialect)).digest('hex'), dialect };
}

async function writeSealed(file: FileHandle, source: JoinedContent, { hash, sealed }: Sealing): Promise<Written> {
  let contentSize = 0;
  const { content, dialect } = await source.read();
  async function* hashed(): AsyncGenerator<Buffer> {
    for await (const chunk of content) {
      contentSize += chunk.length;
      hash.update(chunk);
      yield chunk;
    }
  }
  let size = 0;
  for await (const chunk of sealed(hashed(), dialect)) {
    size += chunk.length;
    await file.appendFile(chunk);
  }
  return { size, contentSize, hash: hash.update(rowsDialect(dialect)).digest('hex'), dialect };
}

function isAlive(pid: number): boolean {
  if (pid === process.pid) return true;
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
