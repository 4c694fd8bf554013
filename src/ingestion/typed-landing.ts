import { type Field, ROW_ID } from '../catalog/index.js';
import { identifier, join, literal, param, raw, sql, type Sql } from '../sql/index.js';
import { ChunkPool } from './chunk-pool.js';
import { CsvFile } from './csv-file.js';
import { fieldsOf, type CsvRecord } from './csv-records.js';
import { copyIn } from './copy.js';
import { delimiterByte, isCsv } from './dialect/read-dialect.js';
import { isoShape } from './iso-shape.js';
import { type Landed, type LandingJob, MOST_BAD_ROWS, TooManyBadRows } from './landing.js';
import { NumberedRecords } from './numbered-records.js';
import { RecordMarks } from './record-marks.js';
import { RowIds } from './row-ids.js';
import { isFraction } from './stage.js';
import { landCsvRows, type TextRow } from './text-landing.js';
import { RAW_ROW, REFUSED, rows, run } from './work-tables.js';

/** Bytes of suspect rows that are held in memory at most. */
const MOST_SUSPECT_BYTES = 16 * 1024 * 1024;

/** Called for a row that was sent to COPY, with its number in the file. */
type SentVisitor = (record: CsvRecord, bytes: Buffer, number: number) => void;

/** True when the quick way can be tried: CSV whose values PostgreSQL's own input reads as the contract means them, and all of whose columns it has. */
export async function canLandTyped({ format, dataset, spooled, maxValueBytes }: LandingJob): Promise<boolean> {
  const { decimal, formats = {}, header } = spooled.dialect;
  const isOdd = (field: Field) => field.format !== undefined || formats[field.name] !== undefined || field.list || (decimal === 'comma' && isFraction(field));
  if (!isCsv(format) || dataset.fields.some(isOdd)) return false;
  if (dataset.drift === undefined) return true;
  const file = new CsvFile({ path: spooled.path, delimiter: delimiterByte(format, spooled.dialect), header, dataset, maxValueBytes });
  return (await file.columns()).every(({ field }) => field !== undefined);
}

/**
 * The quick way: COPY straight into typed columns. What PostgreSQL reads too kindly (dates) is held back by its shape;
 * what it can't read it skips and names by line (ON_ERROR ignore). Both go the general way, between the others.
 * @throws TooManyBadRows when they are many.
 */
export async function landTyped(job: LandingJob): Promise<Landed> {
  const { tx, dataset, spooled, format, maxValueBytes, signal, onBytes } = job;
  const delimiter = delimiterByte(format, spooled.dialect);
  const file = new CsvFile({ path: spooled.path, delimiter, header: spooled.dialect.header, dataset, maxValueBytes });
  const columns = await file.columns();
  const fields = await file.fields();
  const shapes = fields.map((field) => isoShape(field.type));

  const held: TextRow[] = [];
  const marks = new RecordMarks();
  const memory = new Allowance();
  const pool = new ChunkPool();
  const numbered = new NumberedRecords(pool, delimiter, job.withRowIds ? new RowIds() : undefined);
  let sent = 0;
  let sentLines = 0;
  let crlf: boolean | undefined;
  const records = file.records(
    shapes,
    (record, bytes, offset) => {
      if (offset + record.start >= marks.due) marks.add({ offset: offset + record.start, line: record.line, rows: numbered.number, sentLines });
      numbered.count();
      crlf ??= record.crlf;
      // PostgreSQL wants one kind of line end; the last line may have none.
      const unlike = record.crlf !== crlf && (record.crlf || record.next > record.end);
      if (!record.suspect && !unlike) {
        sentLines += copyLines(record, sent === 0, crlf);
        sent += 1;
        numbered.add(bytes, record.start, record.next);
        return;
      }
      if (held.length === MOST_BAD_ROWS) throw new TooManyBadRows();
      held.push({ position: numbered.number, line: record.line, text: memory.copy(record, bytes) });
    },
    () => numbered.take(),
    onBytes,
  );
  async function* stream(): AsyncGenerator<Buffer> {
    yield* records;
    yield* numbered.end();
  }

  const refusedLines = new Set<number>();
  const onNotice = ({ message }: { message?: string | undefined }) => {
    // Whatever the server's language, the first number is the line; what follows may be data and is not looked at.
    const line = /\d+/.exec(message ?? '')?.[0];
    // The notice at the end counts the rows: it has no value in quotes.
    if (line !== undefined && message?.includes('"')) refusedLines.add(Number(line));
    if (refusedLines.size > MOST_BAD_ROWS) stop.abort(new TooManyBadRows());
  };
  const stop = new AbortController();
  tx.client.on('notice', onNotice);
  let copied: number;
  try {
    const anyStop = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
    copied = await copyIn(tx, copyStatement(job, fields, delimiter), stream(), anyStop, (chunk) => pool.give(chunk));
  } finally {
    tx.client.off('notice', onNotice);
  }
  if (refusedLines.size > MOST_BAD_ROWS || copied + refusedLines.size !== sent) throw new TooManyBadRows();
  const heldLines = new Set(held.map(({ line }) => line));
  const refused = await findRefused();
  await landSuspects();
  return { read: sent + held.length, keepRaw, newColumns: [] };

  async function landSuspects(): Promise<void> {
    const suspects = [...held, ...refused].toSorted((a, b) => a.position - b.position);
    if (suspects.length === 0) return;
    const fit = await landCsvRows(job, columns, delimiter, suspects);
    // A row that was taken for refused and is not would be there twice, and another not at all.
    if (refused.some(({ position }) => fit.has(position))) throw new TooManyBadRows();
  }

  /** The rows that PostgreSQL named, from the file. */
  async function findRefused(): Promise<readonly TextRow[]> {
    const found: TextRow[] = [];
    await visitSent('sentLines', refusedLines, (record, bytes, number) => {
      found.push({ position: number, line: record.line, text: memory.copy(record, bytes) });
    });
    if (found.length !== refusedLines.size) throw new TooManyBadRows();
    return found;
  }

  /** The texts of refused rows: of suspects they are in `stage`, of the others in the file. */
  async function keepRaw(): Promise<void> {
    const refused = await rows<{ pos: string }>(
      tx,
      sql`SELECT _pos AS pos FROM ${REFUSED} WHERE NOT EXISTS (SELECT FROM ${RAW_ROW} r WHERE r._pos = refused._pos) ORDER BY _pos LIMIT ${raw(String(MOST_BAD_ROWS + 1))}`,
    );
    if (refused.length > MOST_BAD_ROWS) throw new TooManyBadRows();
    const texts: { pos: number; line: number; raw: Record<string, string | null> }[] = [];
    await visitSent('rows', new Set(refused.map(({ pos }) => Number(pos))), (record, bytes, number) => {
      const values = fieldsOf(memory.copy(record, bytes), delimiter);
      texts.push({ pos: number, line: record.line, raw: Object.fromEntries(fields.map(({ name }, i) => [name, values[i] ?? null])) });
    });
    if (texts.length === 0) return;
    await run(
      tx,
      sql`INSERT INTO ${RAW_ROW} SELECT pos, line, raw FROM jsonb_to_recordset(${param(JSON.stringify(texts), 'jsonb')}) AS t(pos bigint, line bigint, raw jsonb)`,
    );
  }

  /** Reads the stretches of the file in which wanted rows are: those that are its `n`th, or end at the `n`th line sent. */
  async function visitSent(by: 'rows' | 'sentLines', wanted: ReadonlySet<number>, visit: SentVisitor): Promise<void> {
    let done = 0;
    for (const n of [...wanted].toSorted((a, b) => a - b)) {
      if (n <= done) continue;
      signal?.throwIfAborted();
      const stretch = marks.with(by, n);
      if (!stretch) return;
      const at = { ...stretch.from };
      await file.visit(at, stretch.to?.offset, (record, bytes) => {
        at.rows += 1;
        if (heldLines.has(record.line)) return;
        at.sentLines += copyLines(record, at.sentLines === 0, crlf);
        if (wanted.has(at[by])) visit(record, bytes, at.rows);
      });
      done = at[by];
    }
  }
}

/**
 * By how much COPY's line number grows with a record. Of line ends in quotes it counts one of the two characters: LF once
 * it has seen that lines end with it, else CR.
 */
function copyLines(record: CsvRecord, first: boolean, crlf: boolean | undefined): number {
  return 1 + (first || crlf ? record.quotedReturns : record.lines - 1);
}

/** How much memory the texts of bad rows may still take. */
class Allowance {
  #left = MOST_SUSPECT_BYTES;

  /** @throws TooManyBadRows when it is used up. */
  copy(record: CsvRecord, bytes: Buffer): Buffer {
    this.#left -= record.end - record.start;
    if (this.#left < 0) throw new TooManyBadRows();
    return Buffer.from(bytes.subarray(record.start, record.end));
  }
}

function copyStatement({ table, withRowIds }: LandingJob, fields: readonly Field[], delimiter: number): Sql {
  const notText = fields.filter(({ type }) => type !== 'text').map(({ name }) => identifier(name));
  // Two quotes with nothing between them are an empty text, and no value for every other type.
  const forceNull = notText.length > 0 ? sql`, FORCE_NULL (${join(notText)})` : sql``;
  const columns = join(['_pos', ...(withRowIds ? [ROW_ID] : []), ...fields.map(({ name }) => name)].map((name) => identifier(name)));
  const separator = literal(String.fromCharCode(delimiter));
  // The table of such rows is new, so that they can be as if a VACUUM had seen them.
  const freeze = withRowIds ? sql`, FREEZE` : sql``;
  return sql`COPY ${table} (${columns}) FROM STDIN (FORMAT csv, DELIMITER ${separator}${forceNull}, ON_ERROR ignore, LOG_VERBOSITY verbose${freeze})`;
}
