import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createWriteStream } from 'node:fs';
import { localName } from '../../sources/index.js';
import { dialectRequest, type SaidDialect } from '../dialect/dialect.js';
import { formatOf, type Format } from '../format.js';
import { inFile } from '../rejection.js';
import { announcedPacking, unpacked } from '../unpack.js';
import { contractText } from './contract-text.js';
import { Inference, type InferredDataset } from './inference.js';
import { readParquetRows } from './read-parquet.js';
import { readRows } from './read-rows.js';

/** A file to look at. */
export interface InferredFile {
  readonly name: string;
  /** Opened when its turn comes. */
  readonly open: () => Promise<Readable>;
}

export interface InferRequest {
  readonly files: readonly InferredFile[];
  /** Of the dataset; by the first file when absent. */
  readonly name?: string | undefined;
  readonly format?: string | undefined;
  readonly dialect?: SaidDialect | undefined;
  /** Rows of each file that are looked at. */
  readonly mostRows?: number | undefined;
  readonly maxValueBytes: number;
}

/** Some seconds of a processor; a file with fewer is looked at as a whole. */
const MOST_ROWS = 500_000;

/**
 * Looks at files and writes the contract that their rows have: types, what is required, key, tags, rules.
 * @throws HeadgateError DATA_REJECTED for a file that could not be loaded either; BAD_USER_INPUT when its format is not known
 */
export async function infer(request: InferRequest): Promise<{ readonly dataset: InferredDataset; readonly manifest: string }> {
  const { files, mostRows = MOST_ROWS, maxValueBytes } = request;
  const inference = new Inference({ mostRows });
  const formats: Format[] = [];
  for (const file of files) {
    try {
      const format = formatOf({ format: request.format, fileName: file.name });
      formats.push(format);
      if (!(await look(file, format, inference, request, maxValueBytes))) inference.isWhole = false;
    } catch (error) {
      throw inFile(error, file.name);
    }
  }
  const name = request.name ?? nameOf(files[0]?.name ?? 'dataset');
  const dataset = await inference.dataset(
    name,
    files.map((file) => file.name),
    formats,
  );
  return { dataset, manifest: contractText(dataset) };
}

async function look(file: InferredFile, format: Format, inference: Inference, { dialect }: InferRequest, maxValueBytes: number): Promise<boolean> {
  const stream = await file.open();
  const packing = announcedPacking(undefined, file.name);
  if (format !== 'parquet') {
    return readRows({ stream, format, packing, dialect: dialectRequest({ detect: true, ...dialect }), maxValueBytes }, inference.visitor());
  }
  // Parquet is read here and there.
  const folder = await mkdtemp(join(tmpdir(), 'headgate-infer-'));
  try {
    const path = join(folder, 'file.parquet');
    await pipeline(Readable.from(unpacked(stream, packing)), createWriteStream(path, { mode: 0o600 }));
    const { columns, isWhole } = await readParquetRows(path, maxValueBytes, inference.visitor());
    inference.declared(columns);
    return isWhole;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** `2024/Sales-EU.csv.gz` -> `sales_eu`. */
function nameOf(file: string): string {
  const base = file.split(/[\\/]/).at(-1)?.split('?')[0] ?? '';
  return localName(base.replace(/(\.[a-z0-9]+)(\.gz|\.zst)?$/i, ''), 'dataset');
}
