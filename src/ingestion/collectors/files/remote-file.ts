import type { OpenSource } from '../../source.js';

/** A file of a source, as its list tells of it. */
export interface RemoteFile {
  /** Below the source's folder. */
  readonly name: string;
  /** What is another when its content is: an ETag, or size and time. */
  readonly fingerprint: string;
}

/** A place with files. */
export interface FilePlace {
  /** All of them whose names begin so. @throws HeadgateError UNAVAILABLE when it can't be asked */
  list(prefix: string, signal: AbortSignal): Promise<readonly RemoteFile[]>;
  open(file: RemoteFile, signal: AbortSignal): AsyncIterable<OpenSource>;
}
