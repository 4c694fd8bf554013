import { createHash } from 'node:crypto';
import { PassThrough, pipeline, Transform, type Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { ZipFile } from 'yazl';
import { Left } from '../export-run.js';

/** One file of the archive, opened when it is its turn. */
export interface ZipPart {
  readonly name: string;
  readonly open: () => Promise<{ readonly body: Readable; readonly rowCount: () => number }>;
}

/** What became of a part. */
export interface ZipEntry {
  readonly file: string;
  readonly rows: number;
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
}

export interface ZipOptions {
  readonly parts: readonly ZipPart[];
  /** The last file, which tells of the others. */
  readonly manifest: (entries: readonly ZipEntry[]) => object;
  /** Awaited before the archive ends: one that is whole is on the record. */
  readonly onDone: (entries: readonly ZipEntry[]) => Promise<void>;
  readonly onFailed: (error: unknown) => Promise<void>;
}

/**
 * An archive as a stream, of any size in the same memory: one part after the other, as fast as it is taken. What goes wrong on
 * the way destroys it, so that no archive looks whole; whoever goes away ends the part that is being read.
 */
export function subjectZip({ parts, manifest, onDone, onFailed }: ZipOptions): Readable {
  const zip = new ZipFile();
  // Ours, since a destroyed PassThrough of the library's would go on being written to.
  const output = new PassThrough();
  pipeline(zip.outputStream as Readable, output, () => undefined);
  let current: Measure | undefined;
  // A part can be read to its end and wait for an archive that nobody takes any more.
  output.once('close', () => current?.destroy(new Left()));
  const fill = async (): Promise<void> => {
    const entries: ZipEntry[] = [];
    for (const part of parts) {
      if (output.destroyed) throw new Left();
      const { body, rowCount } = await part.open();
      const measure = (current = new Measure());
      pipeline(body, measure, () => undefined);
      if (output.destroyed) measure.destroy(new Left());
      zip.addReadStream(measure, part.name);
      await finished(measure);
      entries.push({ file: part.name, rows: rowCount(), bytes: measure.bytes, sha256: measure.digest() });
    }
    zip.addBuffer(Buffer.from(`${JSON.stringify(manifest(entries), undefined, 2)}\n`), 'manifest.json');
    await onDone(entries);
    zip.end();
  };
  fill().catch(async (error: unknown) => {
    await onFailed(error).catch(() => undefined);
    output.destroy(error instanceof Error ? error : new Error('the archive could not be made'));
  });
  return output;
}

/** Passes bytes on, counts and hashes them. */
class Measure extends Transform {
  bytes = 0;
  readonly #hash = createHash('sha256');

  override _transform(chunk: Buffer, _encoding: string, done: (error: null, chunk: Buffer) => void): void {
    this.bytes += chunk.length;
    this.#hash.update(chunk);
    done(null, chunk);
  }

  digest(): string {
    return this.#hash.digest('hex');
  }
}
