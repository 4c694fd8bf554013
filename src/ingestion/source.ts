import { constants } from 'node:fs';
import { glob, open, realpath } from 'node:fs/promises';
import { basename, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { Readable } from 'node:stream';
import { HeadgateError } from '../kernel/index.js';
import { checkPattern, isPattern } from './file-pattern.js';

/** Where rows come from: a stream (an upload, standard input), a text that came inline, or a path on this machine. */
export type Source =
  | { readonly stream: Readable; readonly name?: string; readonly size?: number; readonly contentType?: string }
  | { readonly content: string | Uint8Array; readonly name?: string }
  /** Any readable file: for the command line only, whose user could read it anyway. */
  | { readonly path: string }
  /** A file below the configured folder, as a request may name it. */
  | { readonly file: string }
  /** What is at a URL, http or https, as a request may name it. */
  | { readonly url: string }
  /** Several of them, one after the other, in one load. */
  | { readonly files: AsyncIterable<OpenSource>; readonly name?: string };

/** What is opened at once. */
type SingleSource = Exclude<Source, { readonly files: unknown } | { readonly url: unknown }>;

export interface OpenSource {
  readonly stream: Readable;
  readonly name?: string;
  /** Bytes as they come (packed or not), when that is known. */
  readonly size?: number;
  readonly contentType?: string;
}

/**
 * All that a source is, in order; each is opened when its turn comes.
 * @throws HeadgateError as `openSource`
 */
export async function* openSources(source: Exclude<Source, { readonly url: unknown }>, filesDir: string | undefined): AsyncGenerator<OpenSource> {
  if ('files' in source) yield* source.files;
  else if ('file' in source && isPattern(source.file)) {
    for (const file of await filesBelow(source.file, filesDir)) yield { ...(await openFile(await belowFolder(file, filesDir), file)), name: file };
  } else yield await openSource(source, filesDir);
}

/** Whether a source can be of more than one file. */
export function mayBeSeveral(source: Source): boolean {
  return 'files' in source || ('file' in source && isPattern(source.file));
}

/**
 * The files below the folder that a pattern names, in the order of their names.
 * @throws HeadgateError NOT_FOUND when there is none; BAD_USER_INPUT when there are too many, the pattern leads out of the folder, or
 *   takes too long
 */
export async function filesBelow(pattern: string, filesDir: string | undefined): Promise<readonly string[]> {
  const folder = await folderOf(pattern, filesDir);
  checkPattern(pattern);
  const found: string[] = [];
  const isInside = insideOf(folder);
  for await (const entry of glob(pattern, { cwd: folder, withFileTypes: true })) {
    if (!entry.isFile() && !entry.isSymbolicLink()) continue;
    if (!(await isInside(entry.parentPath))) continue;
    found.push(relative(folder, join(entry.parentPath, entry.name)));
    if (found.length > MOST_FILES)
      throw new HeadgateError('BAD_USER_INPUT', `"${pattern.slice(0, 200)}" names more than ${MOST_FILES} files. Name fewer at a time.`, {
        source: pattern.slice(0, 200),
      });
  }
  if (found.length === 0) throw noFile(pattern);
  return found.toSorted((a, b) => (a < b ? -1 : 1));
}

/** Whether a folder is below another one also after every link was followed: what the names are outside is nobody's business. */
function insideOf(folder: string): (path: string) => Promise<boolean> {
  const known = new Map<string, Promise<boolean>>();
  return async (path) => {
    const found =
      known.get(path) ??
      realpath(path).then(
        (real) => `${real}${sep}`.startsWith(folder + sep),
        () => false,
      );
    known.set(path, found);
    return found;
  };
}

/** Files of one load. */
const MOST_FILES = 10_000;

/** @throws HeadgateError NOT_FOUND when there is no such file; BAD_USER_INPUT when it is no regular file or not allowed. */
export async function openSource(source: SingleSource, filesDir: string | undefined): Promise<OpenSource> {
  if ('stream' in source) return source;
  if ('content' in source) {
    const bytes = Buffer.from(source.content as Uint8Array);
    return { stream: Readable.from([bytes]), size: bytes.length, ...(source.name !== undefined && { name: source.name }) };
  }
  if ('path' in source) return openFile(resolve(source.path), source.path);
  return openFile(await belowFolder(source.file, filesDir), source.file);
}

/** The configured folder, for a path that does not lead out of it by itself. */
async function folderOf(file: string, filesDir: string | undefined): Promise<string> {
  if (filesDir === undefined) {
    throw new HeadgateError('BAD_USER_INPUT', 'No folder for files is configured. Set HEADGATE_FILES, or send the content.', { source: file });
  }
  if (isAbsolute(file) || file.includes('\0') || file.split(/[\\/]/).includes('..')) {
    throw new HeadgateError('BAD_USER_INPUT', `"${file.slice(0, 200)}": expected a path below the configured folder, without "..".`, {
      source: file.slice(0, 200),
    });
  }
  return realpath(filesDir).catch(() => {
    throw new HeadgateError('NOT_FOUND', 'The folder that HEADGATE_FILES names is not there.', {});
  });
}

/** The real path of a file that is below the folder also after every link was followed. */
async function belowFolder(file: string, filesDir: string | undefined): Promise<string> {
  const folder = await folderOf(file, filesDir);
  const path = await realpath(resolve(folder, file)).catch(() => {
    throw noFile(file);
  });
  // The same answer as for a file that is not there: what lies outside is nobody's business.
  if (!path.startsWith(folder + sep)) throw noFile(file);
  return path;
}

async function openFile(path: string, asked: string): Promise<OpenSource> {
  // Not waiting for a writer: opening a named pipe would block.
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'EACCES') throw new HeadgateError('BAD_USER_INPUT', `The file "${asked}" may not be read by this process.`, { file: asked });
    throw noFile(asked);
  });
  const { size } = await handle
    .stat()
    .then((stat) => {
      if (stat.isFile()) return stat;
      throw new HeadgateError('BAD_USER_INPUT', `"${asked}" is not a file with rows but ${stat.isDirectory() ? 'a folder' : 'something else'}.`, {
        file: asked,
      });
    })
    .catch(async (error: unknown) => {
      await handle.close();
      throw error;
    });
  return { stream: handle.createReadStream({ highWaterMark: 256 * 1024 }), name: basename(path), size };
}

function noFile(file: string): HeadgateError {
  return new HeadgateError('NOT_FOUND', `There is no file "${file.slice(0, 200)}".`, { file: file.slice(0, 200) });
}
