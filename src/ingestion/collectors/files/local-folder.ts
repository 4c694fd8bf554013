import { stat } from 'node:fs/promises';
import { join, posix, relative, sep } from 'node:path';
import { isHeadgateError } from '../../../kernel/index.js';
import { filesBelow, openSource, type OpenSource } from '../../source.js';
import type { FilePlace, RemoteFile } from './remote-file.js';

/** A folder below the one that HEADGATE_FILES names. */
export class LocalFolder implements FilePlace {
  readonly #filesDir: string | undefined;
  readonly #folder: string;

  constructor(filesDir: string | undefined, folder: string) {
    this.#filesDir = filesDir;
    this.#folder = folder;
  }

  async list(): Promise<readonly RemoteFile[]> {
    const filesDir = this.#filesDir;
    const names = await filesBelow(posix.join(this.#folder, '**/*'), filesDir).catch((error: unknown) => {
      if (isHeadgateError(error) && error.code === 'NOT_FOUND') return [];
      throw error;
    });
    const found = await Promise.all(
      names.map(async (name) => {
        const facts = await stat(join(filesDir ?? '', name)).catch(() => undefined);
        // One that went away meanwhile is not there.
        if (!facts?.isFile()) return [];
        return [{ name: relative(this.#folder, name).split(sep).join('/'), fingerprint: `${facts.size}/${facts.mtimeMs}` }];
      }),
    );
    return found.flat();
  }

  async *open({ name }: RemoteFile): AsyncGenerator<OpenSource> {
    // By its very name, which may have signs that would be a pattern.
    yield { ...(await openSource({ file: posix.join(this.#folder, name) }, this.#filesDir)), name };
  }
}
