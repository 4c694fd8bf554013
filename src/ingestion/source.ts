import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import { basename, isAbsolute, resolve, sep } from 'node:path';
import { Readable } from 'node:stream';
import { HeadgateError } from '../kernel/index.js';

/** Where rows come from: a stream (an upload, standard input), a text that came inline, or a path on this machine. */
export type Source =
  | { readonly stream: Readable; readonly name?: string; readonly size?: number; readonly contentType?: string }
  | { readonly content: string | Uint8Array; readonly name?: string }
  /** Any readable file: for the command line only, whose user could read it anyway. */
  | { readonly path: string }
  /** A file below the configured folder, as a request may name it. */
  | { readonly file: string };

export interface OpenSource {
  readonly stream: Readable;
  readonly name?: string;
  /** Bytes as they come (packed or not), when that is known. */
  readonly size?: number;
  readonly contentType?: string;
}

/** @throws HeadgateError NOT_FOUND when there is no such file; BAD_USER_INPUT when it is no regular file or not allowed. */
export async function openSource(source: Source, filesDir: string | undefined): Promise<OpenSource> {
  if ('stream' in source) return source;
  if ('content' in source) {
    const bytes = Buffer.from(source.content as Uint8Array);
    return { stream: Readable.from([bytes]), size: bytes.length, ...(source.name !== undefined && { name: source.name }) };
  }
  if ('path' in source) return openFile(resolve(source.path), source.path);
  return openFile(await belowFolder(source.file, filesDir), source.file);
}

/** The real path of a file that is below the folder also after every link was followed. */
async function belowFolder(file: string, filesDir: string | undefined): Promise<string> {
  if (filesDir === undefined) {
    throw new HeadgateError('BAD_USER_INPUT', 'No folder for files is configured. Set HEADGATE_FILES, or send the content.', { source: file });
  }
  if (isAbsolute(file) || file.includes('\0') || file.split(/[\\/]/).includes('..')) {
    throw new HeadgateError('BAD_USER_INPUT', `"${file.slice(0, 200)}": expected a path below the configured folder, without "..".`, {
      source: file.slice(0, 200),
    });
  }
  const folder = await realpath(filesDir).catch(() => {
    throw new HeadgateError('NOT_FOUND', 'The folder that HEADGATE_FILES names is not there.', {});
  });
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
