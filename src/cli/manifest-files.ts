import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { ManifestFile } from '../catalog/index.js';
import { HeadgateError, messageOf } from '../kernel/index.js';

const DECODER = new TextDecoder('utf-8', { fatal: true });

/**
 * The manifests of files and folders, folders with all below them, in the order of their names.
 * @throws HeadgateError NOT_FOUND for a path that is not there; BAD_USER_INPUT for a folder without manifests, or what is no text.
 */
export async function readManifests(paths: readonly string[]): Promise<ManifestFile[]> {
  const files: ManifestFile[] = [];
  for (const path of paths) {
    if (path === '-') files.push({ file: '(standard input)', text: decode(await buffer(process.stdin), 'standard input') });
    else for (const file of await manifestsAt(path)) files.push({ file, text: await readText(file) });
  }
  return files;
}

async function manifestsAt(path: string): Promise<string[]> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new HeadgateError('NOT_FOUND', `There is no file or folder "${path}".`, { file: path }, { cause });
  });
  if (!found.isDirectory()) return [path];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && /\.ya?ml$/.test(entry.name)).map((entry) => join(entry.parentPath, entry.name));
  if (files.length === 0)
    throw new HeadgateError('BAD_USER_INPUT', `The folder "${path}" holds no manifests: expected files that end in .yaml or .yml.`, { file: path });
  return files.toSorted();
}

async function readText(file: string): Promise<string> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new HeadgateError('BAD_USER_INPUT', `"${file}" can't be read: ${messageOf(cause)}.`, { file }, { cause });
  });
  return decode(bytes, file);
}

function decode(bytes: Buffer, file: string): string {
  try {
    return DECODER.decode(bytes);
  } catch {
    throw new HeadgateError('BAD_USER_INPUT', `"${file}" is not text in UTF-8. Convert it first: iconv -f ISO-8859-1 -t UTF-8.`, { file });
  }
}
