import { identifier, join, literal, param, raw, sql, type Sql } from '../sql/index.js';
import { CsvFile } from './csv-file.js';
import { fieldsOf } from './csv-records.js';
import { copyIn } from './copy.js';
import { isoShape } from './iso-shape.js';
import { COMMA, type Landed, type LandingJob, MOST_BAD_ROWS, TAB, TooManyBadRows } from './landing.js';
import { landCsvRows, type TextRow } from './text-landing.js';
import { LANDED, POSITION_STEP, RAW_ROW, REFUSED, rows, run } from './work-tables.js';

/** Bytes of suspect rows that are held in memory at most. */
const MOST_SUSPECT_BYTES = 16 * 1024 * 1024;

/** A row that COPY did not take into a typed column, or that was held back from it. */
interface Suspect extends TextRow {
  /** Rows before it that COPY numbered. */
  readonly after: number;
}

/** True when the quick way can be tried: CSV whose values PostgreSQL's own input reads as the contract means them. */
export function canLandTyped({ format, dataset }: LandingJob): boolean {
  return (format === 'csv' || format === 'tsv') && dataset.fields.every((field) => field.format === undefined && !field.list);
}

/**
 * The quick way: COPY straight into typed columns. What PostgreSQL reads too kindly (dates) is held back by its shape;
 * what it can't read it skips and names by line (ON_ERROR ignore). Both go the general way, between the others.
 * @throws TooManyBadRows when they are many.
 */
export async function landTyped(job: LandingJob): Promise<Landed> {
  const { tx, dataset, spooled, format, maxValueBytes, signal, onBytes } = job;
  const delimiter = format === 'tsv' ? TAB : COMMA;
  const file = new CsvFile({ path: spooled.path, delimiter, dataset, maxValueBytes });
  const fields = await file.fields();
  const shapes = fields.map((field) => isoShape(field.type));

  const held: Suspect[] = [];
  let heldBytes = 0;
  let sent = 0;
  let sentFrom = 0;
  let crlf: boolean | undefined;
  let pieces: Buffer[] = [];
  const stream = file.records(
    shapes,
    (record, bytes) => {
      crlf ??= record.crlf;
      // PostgreSQL wants one kind of line end; the last line may have none.
      const unlike = record.crlf !== crlf && (record.crlf || record.next > record.end);
      if (!record.suspect && !unlike) {
        sent += 1;
        return;
      }
      const text = Buffer.from(bytes.subarray(record.start, record.end));
      held.push({ position: 0, line: record.line, text, after: sent });
      heldBytes += text.length;
      if (held.length > MOST_BAD_ROWS || heldBytes > MOST_SUSPECT_BYTES) throw new TooManyBadRows();
      if (record.start > sentFrom) pieces.push(bytes.subarray(sentFrom, record.start));
      sentFrom = record.next;
    },
    (bytes, end) => {
      const out = pieces;
      if (end > sentFrom) out.push(bytes.subarray(sentFrom, end));
      pieces = [];
      sentFrom = 0;
      return out;
    },
    onBytes,
  );

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
    copied = await copyIn(tx, copyStatement(job.table, fields, delimiter), stream, signal ? AbortSignal.any([signal, stop.signal]) : stop.signal);
  } finally {
    tx.client.off('notice', onNotice);
  }
  if (refusedLines.size > MOST_BAD_ROWS || copied + refusedLines.size !== sent) throw new TooManyBadRows();
  const heldLines = new Set(held.map(({ line }) => line));
  // PostgreSQL 18 numbers the rows that it skips, 17 does not.
  const numbersSkipped = refusedLines.size > 0 && (await highestPosition()) / POSITION_STEP > copied;
  return finish();

  async function finish(): Promise<Landed> {
    const suspects = refusedLines.size > 0 ? await collect() : held;
    if (suspects.length > 0) await landCsvRows(job, fields, delimiter, place(suspects));
    return { read: sent + held.length, keepRaw };
  }

  async function highestPosition(): Promise<number> {
    const [found] = await rows<{ highest: number }>(tx, sql`SELECT coalesce(max(_pos), 0)::float8 AS highest FROM ${LANDED}`);
    return found?.highest ?? 0;
  }

  /** Reads the file again for the rows that PostgreSQL named. */
  async function collect(): Promise<readonly Suspect[]> {
    const found: Suspect[] = [];
    let copyLine = 0;
    let after = 0;
    await walk((record, bytes) => {
      if (heldLines.has(record.line)) {
        found.push({ position: 0, line: record.line, text: Buffer.from(bytes.subarray(record.start, record.end)), after });
        return;
      }
      copyLine += record.lines;
      const skipped = refusedLines.has(copyLine);
      if (skipped) found.push({ position: 0, line: record.line, text: Buffer.from(bytes.subarray(record.start, record.end)), after });
      if (!skipped || numbersSkipped) after += 1;
    });
    return found;
  }

  /** The texts of refused rows: of suspects they are in `stage`, of the others in the file. */
  async function keepRaw(): Promise<void> {
    const refused = await rows<{ pos: string }>(
      tx,
      sql`SELECT _pos AS pos FROM ${REFUSED} WHERE NOT EXISTS (SELECT FROM ${RAW_ROW} r WHERE r._pos = refused._pos) LIMIT ${raw(String(MOST_BAD_ROWS + 1))}`,
    );
    const wanted = new Set(refused.map(({ pos }) => Number(pos)).filter((pos) => pos % POSITION_STEP === 0));
    if (refused.length > MOST_BAD_ROWS) throw new TooManyBadRows();
    if (wanted.size === 0) return;
    const texts: { pos: number; line: number; raw: Record<string, string | null> }[] = [];
    let copyLine = 0;
    let taken = 0;
    await walk((record, bytes) => {
      if (heldLines.has(record.line)) return;
      copyLine += record.lines;
      const skipped = refusedLines.has(copyLine);
      if (!skipped || numbersSkipped) taken += 1;
      if (skipped || !wanted.has(taken * POSITION_STEP)) return;
      const values = fieldsOf(bytes.subarray(record.start, record.end), delimiter);
      texts.push({ pos: taken * POSITION_STEP, line: record.line, raw: Object.fromEntries(fields.map(({ name }, i) => [name, values[i] ?? null])) });
    });
    await run(
      tx,
      sql`INSERT INTO ${RAW_ROW} SELECT pos, line, raw FROM jsonb_to_recordset(${param(JSON.stringify(texts), 'jsonb')}) AS t(pos bigint, line bigint, raw jsonb)`,
    );
  }

  async function walk(visit: Parameters<CsvFile['records']>[1]): Promise<void> {
    for await (const _ of file.records([], visit, () => [])) signal?.throwIfAborted();
  }
}

function place(suspects: readonly Suspect[]): TextRow[] {
  let between = 0;
  let last = -1;
  return suspects.map(({ line, text, after }) => {
    between = after === last ? between + 1 : 1;
    last = after;
    return { position: after * POSITION_STEP + between, line, text };
  });
}

function copyStatement(table: Sql, fields: readonly { readonly name: string; readonly type: string }[], delimiter: number): Sql {
  const notText = fields.filter(({ type }) => type !== 'text').map(({ name }) => identifier(name));
  // Two quotes with nothing between them are an empty text, and no value for every other type.
  const forceNull = notText.length > 0 ? sql`, FORCE_NULL (${join(notText)})` : sql``;
  const separator = literal(String.fromCharCode(delimiter));
  return sql`COPY ${table} (${join(fields.map(({ name }) => identifier(name)))}) FROM STDIN (FORMAT csv, DELIMITER ${separator}${forceNull}, ON_ERROR ignore, LOG_VERBOSITY verbose)`;
}
