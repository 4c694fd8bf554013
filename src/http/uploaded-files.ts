import { Busboy, type BusboyFileStream } from '@fastify/busboy';
import type { Readable } from 'node:stream';
import { HeadgateError } from '../kernel/index.js';

/** A file of a form, while it comes. */
export interface UploadedFile {
  readonly stream: Readable;
  readonly name: string;
}

/** Files of one upload. */
const MOST_FILES = 10_000;

/**
 * The files of a form (multipart/form-data), one after the other: the next one comes when the one before was read.
 * @throws HeadgateError BAD_USER_INPUT for a form that is damaged, has other parts than files, or too many
 */
export async function* uploadedFiles(body: Readable, contentType: string): AsyncGenerator<UploadedFile> {
  let busboy: InstanceType<typeof Busboy>;
  try {
    busboy = new Busboy({
      headers: { 'content-type': contentType },
      limits: { files: MOST_FILES, fields: 0, parts: MOST_FILES, headerPairs: 20 },
      fileHwm: 256 * 1024,
    });
  } catch (cause) {
    throw damaged('its Content-Type has no boundary', cause);
  }
  const waiting: (UploadedFile | HeadgateError | null)[] = [];
  let wake: () => void = () => undefined;
  const tell = (event: UploadedFile | HeadgateError | null) => {
    waiting.push(event);
    wake();
  };
  busboy.on('file', (_field: string, stream: BusboyFileStream, filename: string | undefined) => {
    // Who reads it hears of its failure; one that comes before would end the process.
    stream.on('error', () => undefined);
    tell({ stream, name: filename ?? 'file' });
  });
  busboy.on('field', () => tell(damaged('it has a part that is no file')));
  busboy.on('partsLimit', () => tell(damaged(`it has more than ${MOST_FILES} files`)));
  busboy.on('fieldsLimit', () => tell(damaged('it has a part that is no file')));
  busboy.on('error', (cause: unknown) => tell(damaged('it is cut off or damaged', cause)));
  busboy.on('finish', () => tell(null));
  body.on('error', (cause) => tell(new HeadgateError('UNAVAILABLE', 'The sender went away before the load was committed. Nothing was loaded.', {}, { cause })));
  body.pipe(busboy);
  try {
    for (;;) {
      const event = waiting.shift();
      if (event === null) return;
      if (event instanceof HeadgateError) throw event;
      if (event) yield event;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    body.unpipe(busboy);
    busboy.destroy();
  }
}

function damaged(what: string, cause?: unknown): HeadgateError {
  return new HeadgateError(
    'BAD_USER_INPUT',
    `The form can't be read: ${what}. Send multipart/form-data with files only.`,
    {},
    cause === undefined ? undefined : { cause },
  );
}
