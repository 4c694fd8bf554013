import { type Dataset, ROW_ID } from '../../catalog/index.js';
import { identifier, join, param, raw, sql, type Sql } from '../../sql/index.js';
import { ChunkPool } from '../chunk-pool.js';
import { copyIn } from '../copy.js';
import { type Landed, type LandingJob, MOST_BAD_ROWS, TooManyBadRows } from '../landing.js';
import { inFile, rejected } from '../rejection.js';
import type { SourceColumn } from '../source-columns.js';
import { RowIds } from '../row-ids.js';
import { createStage, STAGE } from '../stage.js';
import { Sealer } from '../sealer.js';
import { RAW_ROW, REFUSED, rows, run } from '../work-tables.js';
import {
  copyRows,
  NUMBER,
  NUMBER_TWICE,
  numberAndId,
  openCursors,
  rowsAtOnce,
  type CopyRowsOptions,
  type EncodedColumn,
  type ParquetSealing,
} from './copy-rows.js';
import { textEncoder, typedEncoder } from './entries.js';
import { columnsOfFile } from './parquet-columns.js';
import { ParquetFile, type ParquetPlace } from './parquet-file.js';

/** What the texts of refused rows may take. */
const MOST_RAW_BYTES = 16 * 1024 * 1024;

/** Rows as texts in `stage`, to be read by the general way: how many, their columns, and the dataset with fields as these texts are to be read. */
export interface StagedParquet {
  readonly read: number;
  readonly columns: readonly SourceColumn[];
  readonly dataset: Dataset;
}

export async function stageParquet(job: LandingJob): Promise<StagedParquet> {
  const { tx, dataset, signal } = job;
  let staged: StagedParquet | undefined;
  let names: readonly Sql[] = [];
  await eachFile(job, async (file, before) => {
    const columns = textColumns(file, dataset);
    names = staged ? names : await createStage(job, columns);
    const first = staged?.columns ?? columns;
    const places = columns.map(({ name }) => names[first.findIndex((column) => column.name === name)] ?? raw('_pos'));
    if (staged) sameColumns(columns, first);
    const copy = sql`COPY ${STAGE} (_pos, _line, ${join(places)}) FROM STDIN (FORMAT binary)`;
    const read = await copyIn(tx, copy, copyRows({ ...optionsOf(job, file), columns, head: NUMBER_TWICE, before, sealing: sealingOf(job) }), signal);
    // A typed value was written by us, whatever format texts come in.
    const typed = new Set(columns.filter(({ column }) => column.leaf && column.leaf.kind !== 'text').map(({ field }) => field?.name));
    const fields = (staged?.dataset ?? dataset).fields.map((field) => {
      const { format: _, ...rest } = field;
      return typed.has(field.name) ? rest : field;
    });
    staged = { read: (staged?.read ?? 0) + read, columns: first, dataset: { ...dataset, fields } };
  });
  if (!staged) throw new Error('a load of no file');
  return staged;
}

/** Visits the files of the content, with how many rows came before, and lets the parts know. */
async function eachFile({ spooled }: LandingJob, visit: (file: ParquetFile, before: number) => Promise<void>): Promise<void> {
  const { path, veil, parts } = spooled;
  const places: readonly ParquetPlace[] = parts.length > 1 ? parts.map(({ offset, bytes }) => ({ path, veil, offset, bytes })) : [{ path, veil }];
  let before = 0;
  for (const [i, place] of places.entries()) {
    try {
      const file = await ParquetFile.open(place);
      try {
        const part = parts[i];
        if (part) Object.assign(part, { line: before + 1, shift: before });
        await visit(file, before);
        before += file.rows;
      } finally {
        await file.close();
      }
    } catch (error) {
      throw places.length > 1 ? inFile(error, parts[i]?.name) : error;
    }
  }
}

function sameColumns(columns: readonly SourceColumn[], first: readonly SourceColumn[]): void {
  const names = new Set(first.map(({ name }) => name));
  const extra = columns.filter(({ name }) => !names.has(name)).map(({ name }) => name.slice(0, 80));
  if (extra.length === 0 && columns.length === first.length) return;
  throw rejected('The columns are not those of the first file of the load. Load it by itself.', { extra });
}

/**
 * The quick way: rows straight into typed columns, where each column's type is as good as the field's.
 * @throws TooManyBadRows where one is not, or a value is none for its field: the general way tells which
 */
export async function landParquet(job: LandingJob): Promise<Landed> {
  const { tx, dataset, signal } = job;
  let read = 0;
  const head = job.withRowIds ? numberAndId(new RowIds()) : NUMBER;
  const pool = new ChunkPool();
  const heads = job.withRowIds ? ['_pos', ROW_ID] : ['_pos'];
  await eachFile(job, async (file) => {
    const columns = columnsOfFile(file, dataset).map((source) => {
      const { field, column } = source;
      const encoder = field && column.leaf && !column.isList ? typedEncoder(column.leaf, field) : undefined;
      if (!encoder) throw new TooManyBadRows();
      return { ...source, encoder };
    });
    const names = join([...heads, ...columns.map(({ name, field }) => field?.name ?? name)].map((name) => identifier(name)));
    const copied = await copyIn(
      tx,
      sql`COPY ${job.table} (${names}) FROM STDIN (FORMAT binary${raw(job.withRowIds ? ', FREEZE' : '')})`,
      copyRows({ ...optionsOf(job, file), columns, head, pool, before: read }),
      signal,
      (chunk) => pool.give(chunk),
    );
    if (copied !== file.rows) throw rejected('The Parquet file has other rows than it says. Write it anew.', { expected: file.rows, actual: copied });
    read += copied;
  });
  return { read, keepRaw: () => keepRaw(job), newColumns: [] };
}

function optionsOf({ spooled, maxValueBytes, signal, onBytes }: LandingJob, file: ParquetFile): Omit<CopyRowsOptions, 'columns' | 'head'> {
  return { file, maxValueBytes, maxBytes: spooled.maxBytes ?? Infinity, signal, onBytes };
}

function textColumns(file: ParquetFile, dataset: Dataset): readonly EncodedColumn[] {
  return columnsOfFile(file, dataset).map((source) => ({ ...source, encoder: textEncoder(source.column.leaf ?? { kind: 'text' }, source.field) }));
}

function sealingOf({ dataset, spooled }: LandingJob): ParquetSealing | undefined {
  const sealer = new Sealer(dataset);
  if (sealer.fields.size === 0) return undefined;
  if (!spooled.cipher) throw new Error('a load of encrypted fields without what encrypts');
  return { sealer, cipher: spooled.cipher };
}

/** The texts of refused rows, by their numbers. */
async function keepRaw(job: LandingJob): Promise<void> {
  const { tx, dataset, maxValueBytes, signal } = job;
  const refused = await rows<{ pos: string }>(tx, sql`SELECT _pos AS pos FROM ${REFUSED} ORDER BY _pos LIMIT ${raw(String(MOST_BAD_ROWS + 1))}`);
  if (refused.length > MOST_BAD_ROWS) throw new TooManyBadRows();
  const wanted = new Set(refused.map(({ pos }) => Number(pos)));
  const texts: { pos: number; line: number; raw: Record<string, string | null> }[] = [];
  let left = MOST_RAW_BYTES;
  await eachFile(job, async (file, before) => {
    const columns = textColumns(file, dataset);
    for (const group of file.groups) {
      const start = before + group.start;
      if (![...wanted].some((number) => number > start && number <= start + group.rows)) continue;
      const cursors = openCursors(file, columns, group, maxValueBytes);
      for (let done = 0; done < group.rows;) {
        signal?.throwIfAborted();
        const count = await rowsAtOnce(cursors, group.rows - done);
        const first = start + done + 1;
        const found = Array.from({ length: count }, (_, i) => i).filter((i) => wanted.has(first + i));
        const values = found.length > 0 ? cursors.map((cursor) => cursor.texts(count)) : [];
        for (const i of found) {
          const row = Object.fromEntries(columns.map(({ name, field }, k) => [field?.name ?? name, values[k]?.[i] ?? null]));
          left -= Object.values(row).reduce((sum, text) => sum + (text?.length ?? 0), 0);
          if (left < 0) throw new TooManyBadRows();
          texts.push({ pos: first + i, line: first + i, raw: row });
        }
        for (const cursor of cursors) cursor.skip(count);
        done += count;
      }
    }
  });
  if (texts.length === 0) return;
  const given = param(JSON.stringify(texts), 'jsonb');
  await run(tx, sql`INSERT INTO ${RAW_ROW} SELECT pos, line, raw FROM jsonb_to_recordset(${given}) AS t(pos bigint, line bigint, raw jsonb)`);
}
