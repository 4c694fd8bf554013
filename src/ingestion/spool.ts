import { createHash } from 'node:crypto';
import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { rejected } from './rejection.js';
import { unpacked } from './unpack.js';

/** A source, unpacked and whole on the local disk, so that no transaction is open while a slow client sends. */
export interface Spooled {
  readonly path: string;
  /** Bytes, unpacked. */
  readonly size: number;
  /** SHA-256 of the unpacked bytes, hex. */
  readonly hash: string;
}

export interface SpoolOptions {
  /** Gzip by name or Content-Encoding. */
  readonly gzip: boolean;
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
}

/** The folder `spool` of the home: a file per load that runs, named `<run>.<process>`; all of them are ours to delete. */
export class Spool {
  readonly #folder: string;

  constructor(home: string) {
    this.#folder = join(home, 'spool');
  }

  /**
   * Writes the source to the disk while hashing, hands the file to `work`, and deletes it however that ends.
   * @throws HeadgateError DATA_REJECTED when it is larger than `maxBytes` unpacked, or its gzip is not whole.
   */
  async with<T>(runId: string, source: Readable, options: SpoolOptions, work: (spooled: Spooled) => Promise<T>): Promise<T> {
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

async function write(path: string, source: Readable, { gzip, maxBytes, signal }: SpoolOptions): Promise<Spooled> {
  const hash = createHash('sha256');
  let size = 0;
  const onAbort = () => source.destroy(signal?.reason instanceof Error ? signal.reason : undefined);
  signal?.throwIfAborted();
  signal?.addEventListener('abort', onAbort, { once: true });
  const file = await open(path, 'w', 0o600);
  try {
    for await (const chunk of unpacked(source, gzip)) {
      size += chunk.length;
      if (size > maxBytes) {
        throw rejected(`The content is larger than the ${maxBytes} bytes that one load may have, unpacked. Split it, or raise HEADGATE_MAX_UPLOAD_BYTES.`, {
          expected: maxBytes,
        });
      }
      // The system writes while this thread hashes.
      const written = file.appendFile(chunk);
      hash.update(chunk);
      await written;
    }
    signal?.throwIfAborted();
  } finally {
    signal?.removeEventListener('abort', onAbort);
    await file.close();
  }
  return { path, size, hash: hash.digest('hex') };
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
