import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HeadgateError, messageOf } from '../kernel/index.js';
import { makeHome, replaceFile, writeOnce } from './home.js';
import { MASTER_KEY_BYTES } from './master-key.js';

/** `<home>/master.key`, mode 0600: a master key a line in base64, in the order in which they were made. */
export class KeyFile {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** The file of a data directory, made with one key when it is not there. */
  static async open(home: string): Promise<KeyFile> {
    await makeHome(home);
    const path = join(home, 'master.key');
    await writeOnce(path, `${newKey()}\n`);
    return new KeyFile(path);
  }

  /** @throws HeadgateError UNAVAILABLE when the file is damaged: a new key would change every hash and token. */
  async read(): Promise<readonly Buffer[]> {
    const lines = (await readFile(this.path, 'utf8')).trimEnd().split('\n');
    return lines.map((line, i) => {
      const text = line.trim();
      const key = Buffer.from(text, 'base64');
      // Node's decoder passes over what is not base64: only what encodes back to the same text is what was written.
      if (key.length === MASTER_KEY_BYTES && key.toString('base64') === text) return key;
      throw new HeadgateError(
        'UNAVAILABLE',
        `${this.path}:${i + 1} should hold 32 bytes in base64, and does not. Put the right key back from a backup: with another one, hashed fields and tokens change.`,
        { file: this.path },
      );
    });
  }

  /** Adds a new key as the last line. On the disk when it resolves; whoever reads meanwhile finds the lines of before or of after. */
  async append(): Promise<void> {
    await this.#write([...(await this.read()), Buffer.from(newKey(), 'base64')]);
  }

  /** Takes out the lines that `isGone` picks, for good. One line always stays. */
  async remove(isGone: (key: Buffer) => boolean): Promise<void> {
    const keys = await this.read();
    const left = keys.filter((key) => !isGone(key));
    if (left.length > 0 && left.length < keys.length) await this.#write(left);
  }

  async #write(keys: readonly Buffer[]): Promise<void> {
    await replaceFile(this.path, keys.map((key) => `${key.toString('base64')}\n`).join('')).catch((cause: unknown) => {
      throw new HeadgateError('UNAVAILABLE', `${this.path} can't be written: ${messageOf(cause)}.`, { file: this.path }, { cause });
    });
  }
}

function newKey(): string {
  return randomBytes(MASTER_KEY_BYTES).toString('base64');
}
