import pg from 'pg';
import { namesOf, type Field, type NewColumn } from '../catalog/index.js';
import { HeadgateError } from '../kernel/index.js';
import { identifier, join, literal, raw, sql, type Sql } from '../sql/index.js';
import type { Transaction } from '../store/index.js';
import { CsvFile } from './csv-file.js';
import { copyIn } from './copy.js';
import { place } from './contract-rules.js';
import { delimiterByte } from './dialect/read-dialect.js';
import { fieldInput } from './field-input.js';
import { jsonLines } from './json-lines.js';
import type { Landed, LandingJob } from './landing.js';
import { newColumns } from './new-columns.js';
import { stageParquet } from './parquet/parquet-landing.js';
import { rejected, twoMembers, unknownMember, unreadable } from './rejection.js';
import type { SourceColumn } from './source-columns.js';
import { createStage, isJson, STAGE, stageColumn, stageShape, stageText } from './stage.js';
import { columnsOf, LANDED, RAW_ROW, REFUSED, rows, run } from './work-tables.js';

/** The text of one CSV row, and where it is. */
export interface TextRow {
  readonly position: number;
  readonly line: number;
  readonly text: Buffer;
}

/**
 * The general way: rows land as text and are read by one statement that never raises, which says of each field whether
 * it fits. It takes every format and any number of bad rows.
 */
export async function landText(job: LandingJob): Promise<Landed> {
  const { read, columns, found } = isJson(job.format) ? await landJson(job) : job.format === 'parquet' ? await landParquetTexts(job) : await landCsv(job);
  const keepRaw = async () => {
    await run(job.tx, sql`INSERT INTO ${RAW_ROW} SELECT s._pos, s._line, ${rawOfStage(columns)} FROM ${STAGE} s WHERE s._pos IN (SELECT _pos FROM ${REFUSED})`);
  };
  return { read, keepRaw, newColumns: found };
}

interface Staged {
  readonly read: number;
  /** Of CSV. */
  readonly columns?: readonly SourceColumn[];
  /** Columns that the contract has to follow. */
  readonly found: readonly NewColumn[];
}

async function landParquetTexts(job: LandingJob): Promise<Staged> {
  const { read, columns, dataset } = await stageParquet(job);
  await run(job.tx, readStage({ ...job, dataset }));
  return { read, columns, found: await settleColumns(job, columns) };
}

async function landCsv(job: LandingJob): Promise<Staged> {
  const { dataset, spooled, format, maxValueBytes, onBytes } = job;
  const delimiter = delimiterByte(format, spooled.dialect);
  const file = new CsvFile({ path: spooled.path, delimiter, header: spooled.dialect.header, dataset, maxValueBytes });
  const columns = await file.columns();
  let pieces: Buffer[] = [];
  const numbered = file.records(
    [],
    (record, bytes) => {
      pieces.push(...numberedRow(record.line, record.line, delimiter, bytes.subarray(record.start, record.end)));
    },
    () => {
      const out = [Buffer.concat(pieces)];
      pieces = [];
      return out;
    },
    onBytes,
  );
  const read = await stageCsv(job, columns, delimiter, numbered);
  await run(job.tx, readStage(withFormats(job)));
  return { read, columns, found: await settleColumns(job, columns) };
}

/** Looks at the columns that the contract does not have. */
async function settleColumns(job: LandingJob, columns: readonly SourceColumn[]): Promise<readonly NewColumn[]> {
  const unknown = columns.flatMap(({ name, field }, i) => (field ? [] : [{ name, text: sql`nullif(s.${stageColumn({ name, field }, i)}, '')` }]));
  if (unknown.length === 0) return [];
  const values = unknown.map(({ name, text }) => sql`(${literal(name)}, ${text})`);
  return settleUnknown(job, {
    some: sql`coalesce(${join(unknown.map(({ text }) => text))}) IS NOT NULL`,
    values: sql`SELECT u.name, 'text' AS kind, u.text FROM ${STAGE} s CROSS JOIN LATERAL (VALUES ${join(values)}) AS u(name, text) WHERE u.text IS NOT NULL`,
  });
}

/** What is staged in columns that the contract does not have. */
interface Unknown {
  /** Over `stage` as `s`: the row has a value in one. */
  readonly some: Sql;
  /** As `newColumns` takes it. */
  readonly values: Sql;
}

/** Quarantines the rows with such values, or says what the contract has to have for them. */
async function settleUnknown(job: LandingJob, { some, values }: Unknown): Promise<readonly NewColumn[]> {
  const { tx, dataset, rules } = job;
  if (dataset.drift === 'evolve') return newColumns(job, values);
  await run(tx, sql`UPDATE ${LANDED} SET _bad = coalesce(_bad, '{}') || ${place(rules.drift)} FROM ${STAGE} s WHERE s._pos = landed._pos AND ${some}`);
  return [];
}

/** Fields of dates are read in the formats that the dialect has for them, where the contract has none. */
function withFormats(job: LandingJob): LandingJob {
  const { formats } = job.spooled.dialect;
  if (!formats) return job;
  const fields = job.dataset.fields.map((field) => {
    const format = formats[field.name];
    return field.format === undefined && format !== undefined ? { ...field, format } : field;
  });
  return { ...job, dataset: { ...job.dataset, fields } };
}

/**
 * Lands single rows of a CSV file in the general way; their texts go to `raw_row` at once, whether they fit or not.
 * Returns the positions of those that fit their types.
 */
export async function landCsvRows(
  job: LandingJob,
  columns: readonly SourceColumn[],
  delimiter: number,
  texts: readonly TextRow[],
): Promise<ReadonlySet<number>> {
  async function* chunks(): AsyncGenerator<Buffer> {
    for (const { position, line, text } of texts) yield Buffer.concat(numberedRow(position, line, delimiter, text));
  }
  await stageCsv(job, columns, delimiter, chunks());
  await run(job.tx, sql`INSERT INTO ${RAW_ROW} SELECT s._pos, s._line, ${rawOfStage(columns)} FROM ${STAGE} s`);
  const fit = await rows<{ pos: number }>(
    job.tx,
    sql`WITH read AS (${readStage(job)} RETURNING _pos, _bad) SELECT _pos::float8 AS pos FROM read WHERE _bad IS NULL`,
  );
  return new Set(fit.map(({ pos }) => pos));
}

const LINE_END = Buffer.from('\n');

function numberedRow(position: number, line: number, delimiter: number, text: Buffer): Buffer[] {
  const separator = String.fromCharCode(delimiter);
  return [Buffer.from(`${position}${separator}${line}${separator}`), text, LINE_END];
}

async function stageCsv(job: LandingJob, columns: readonly SourceColumn[], delimiter: number, chunks: AsyncIterable<Buffer>): Promise<number> {
  const { tx, signal } = job;
  const came = await createStage(job, columns);
  return copyIn(
    tx,
    sql`COPY ${STAGE} (_pos, _line, ${join(came)}) FROM STDIN (FORMAT csv, DELIMITER ${literal(String.fromCharCode(delimiter))})`,
    chunks,
    signal,
  );
}

/**
 * JSON rows land as `stage`, each a line. A character that no JSON text can hold raw serves as quote, another as delimiter, so COPY
 * takes each line as it is. That all rows are good is tried first, at each of two steps, since to test each value takes longer than
 * to read it; what comes of a batch does not depend on it.
 */
async function landJson(job: LandingJob): Promise<Staged> {
  const { tx, dataset, rules } = job;
  const objects = await tried(tx, () => stageObjects(job));
  const read = objects ?? (await stageLines(job));
  await nameMembers(job);
  const unknown = sql`s._doc - ARRAY[${join(dataset.fields.map(({ name }) => literal(name)))}]`;
  const [other] = await rows<{ line: string; name: string }>(
    tx,
    sql`SELECT s._line AS line, k AS name FROM ${STAGE} s, jsonb_object_keys(${unknown}) k WHERE ${unknown} <> '{}' ORDER BY s._pos LIMIT 1`,
  );
  if (other && dataset.drift === undefined) throw unknownMember(dataset, Number(other.line), other.name);
  if (read > 0 && objects === undefined && !job.eachAlone) {
    const [any] = await tx.query('SELECT 1 FROM pg_temp.stage WHERE _doc IS NOT NULL LIMIT 1');
    if (!any) throw rejected('No row is a JSON object. Expected one object per line (ndjson), or an array of objects (json).', { line: 1 });
  }
  if (objects === undefined || (await tried(tx, () => readGoodStage(job, read))) === undefined) {
    await run(tx, readStage(job));
    // A row that is not an object has one reason, not one per field.
    await run(tx, sql`UPDATE ${LANDED} SET _bad = ARRAY[${place(rules.notAnObject)}] FROM ${STAGE} s WHERE s._pos = landed._pos AND s._doc IS NULL`);
  }
  if (!other) return { read, found: [] };
  const found = await settleUnknown(job, {
    some: sql`${unknown} <> '{}' AND EXISTS (SELECT FROM jsonb_each(${unknown}) AS e(k, v) WHERE v <> 'null')`,
    values: sql`SELECT k AS name, jsonb_typeof(v) AS kind, v #>> '{}' AS text FROM ${STAGE} s, jsonb_each(${unknown}) AS e(k, v) WHERE ${unknown} <> '{}' AND v <> 'null'`,
  });
  return { read, found };
}

/** A row among them is not good; nothing is wrong, the careful way says of each which. */
class NotAllGood extends Error {}

/** How many rows the work saw; undefined, with all undone that it did, when it meets a row that is not good. */
async function tried(tx: Transaction, work: () => Promise<number>): Promise<number | undefined> {
  await tx.query('SAVEPOINT all_good');
  try {
    const result = await work();
    await tx.query('RELEASE SAVEPOINT all_good');
    return result;
  } catch (error) {
    if (!(error instanceof NotAllGood) && !isOfRows(error)) throw error;
    await tx.query('ROLLBACK TO SAVEPOINT all_good');
    return undefined;
  }
}

/** Whether it is what PostgreSQL says of data. */
function isOfRows(error: unknown): boolean {
  const told = unreadable(error);
  return told instanceof HeadgateError && told.cause instanceof pg.DatabaseError;
}

const AS_LINES = raw("(FORMAT csv, DELIMITER E'\\x01', QUOTE E'\\x02')");

/** Each line is read as JSON on its way. @throws what PostgreSQL says of a row that is none; NotAllGood for one that is no object */
async function stageObjects(job: LandingJob): Promise<number> {
  const { tx, signal } = job;
  await tx.query('CREATE TEMP TABLE stage (_pos bigint, _line bigint, _doc jsonb, _text text) ON COMMIT DROP');
  const read = await copyIn(tx, sql`COPY ${STAGE} (_pos, _line, _doc) FROM STDIN ${AS_LINES}`, jsonLines(job), signal);
  const [other] = await tx.query("SELECT 1 FROM pg_temp.stage WHERE jsonb_typeof(_doc) <> 'object' LIMIT 1");
  if (other) throw new NotAllGood();
  return read;
}

/** Of a line that is no object the text is kept. */
async function stageLines(job: LandingJob): Promise<number> {
  const { tx, signal } = job;
  await tx.query('CREATE TEMP TABLE line (_pos bigint, _line bigint, _text text) ON COMMIT DROP');
  const read = await copyIn(tx, sql`COPY pg_temp.line FROM STDIN ${AS_LINES}`, jsonLines(job), signal);
  await tx.query(`CREATE TEMP TABLE stage ON COMMIT DROP AS
    SELECT _pos, _line, CASE WHEN jsonb_typeof(_doc) = 'object' THEN _doc END AS _doc, CASE WHEN jsonb_typeof(_doc) = 'object' THEN NULL ELSE _text END AS _text
    FROM (SELECT _pos, _line, _text, CASE WHEN pg_input_is_valid(_text, 'jsonb') THEN _text::jsonb END AS _doc FROM pg_temp.line OFFSET 0) t`);
  await tx.query('DROP TABLE pg_temp.line');
  return read;
}

/** From `stage` into `landed`, where every text can be read as its type. @throws what PostgreSQL says of a text that can't; NotAllGood */
async function readGoodStage(job: LandingJob, read: number): Promise<number> {
  const { tx, dataset } = job;
  const texts = dataset.fields.map((field, i) => sql`${stageText(job, field)} AS ${column('_x', i)}`);
  const inputs = dataset.fields.map((field, i) => fieldInput(field, sql`_t.${column('_x', i)}`));
  const tests = dataset.fields.flatMap((field, i) => [goodShape(field, sql`_t.${column('_x', i)}`) ?? [], inputs[i]?.meant ?? []].flat());
  const good = await run(
    tx,
    sql`INSERT INTO ${LANDED} (_pos, ${columnsOf(dataset)}) SELECT _t._pos, ${join(inputs.map(({ value }) => value))}
      FROM (SELECT s._pos, s._doc, ${join(texts)} FROM ${STAGE} s OFFSET 0) _t WHERE ${join([sql`true`, ...tests], ' AND ')}`,
  );
  if (good < read) throw new NotAllGood();
  return good;
}

/** As `stageShape`, of a value that its type can read: no type but text reads what is nested. */
function goodShape(field: Field, text: Sql): Sql | undefined {
  if (field.type !== 'text' || field.list) return undefined;
  return sql`((${text} ^@ '{' OR ${text} ^@ '[') AND jsonb_typeof(_t._doc -> ${literal(field.name)}) IN ('object', 'array')) IS NOT TRUE`;
}

/**
 * Gives members that have an alias the name of their field.
 * @throws HeadgateError DATA_REJECTED with the line of a row that has a field twice
 */
async function nameMembers({ tx, dataset }: LandingJob): Promise<void> {
  const aliased = dataset.fields.filter(({ aliases }) => aliases !== undefined);
  if (aliased.length === 0) return;
  const any = (names: readonly string[]) => sql`jsonb_exists_any(s._doc, ARRAY[${join(names.map((name) => literal(name)))}])`;
  const twice = aliased.map((field) => {
    const names = namesOf(field).map((name) => sql`jsonb_exists(s._doc, ${literal(name)})::int`);
    return sql`WHEN ${join(names, ' + ')} > 1 THEN ${literal(field.name)}`;
  });
  const [found] = await rows<{ line: string; field: string }>(
    tx,
    sql`SELECT * FROM (SELECT s._line AS line, s._pos AS pos, CASE ${join(twice, ' ')} END AS field FROM ${STAGE} s) AS t WHERE field IS NOT NULL ORDER BY pos LIMIT 1`,
  );
  if (found) throw twoMembers(dataset, Number(found.line), found.field);
  const renamed = aliased.flatMap(({ name, aliases = [] }) =>
    aliases.map(
      (alias) => sql`CASE WHEN jsonb_exists(s._doc, ${literal(alias)}) THEN jsonb_build_object(${literal(name)}, s._doc -> ${literal(alias)}) ELSE '{}' END`,
    ),
  );
  const aliases = aliased.flatMap((field) => field.aliases ?? []);
  const without = sql`s._doc - ARRAY[${join(aliases.map((alias) => literal(alias)))}]`;
  await run(tx, sql`UPDATE ${STAGE} s SET _doc = ${without} || ${join(renamed, ' || ')} WHERE ${any(aliases)}`);
}

/** From `stage` into `landed`: each text read as its type, or marked. */
export function readStage(job: LandingJob): Sql {
  const { dataset, rules } = job;
  if (dataset.fields.length > MOST_BESIDE) return readWideStage(job);
  const texts = dataset.fields.map((field, i) => sql`${stageText(job, field)} AS ${column('_x', i)}, ${stageShape(job, field)} AS ${column('_s', i)}`);
  const inputs = dataset.fields.map((field, i) => fieldInput(field, sql`_t.${column('_x', i)}`));
  const valid = inputs.map((input, i) => sql`(_t.${column('_s', i)} AND ${input.valid}) AS ${column('_ok', i)}`);
  const values = inputs.map((input, i) => sql`CASE WHEN _t.${column('_ok', i)} THEN ${input.value} END`);
  const marks = dataset.fields.map((field, i) => sql`CASE WHEN NOT _t.${column('_ok', i)} THEN ${place(rules.typeOf.get(field.name))} END`);
  const allFit = join(
    dataset.fields.map((_, i) => sql`_t.${column('_ok', i)}`),
    ' AND ',
  );
  // OFFSET 0 keeps each level as it is, so that no text is looked at twice.
  return sql`INSERT INTO ${LANDED} (_pos, _bad, ${columnsOf(dataset)})
      SELECT _t._pos, CASE WHEN ${allFit} THEN NULL ELSE array_remove(ARRAY[${join(marks)}], NULL) END, ${join(values)}
      FROM (SELECT _t.*, ${join(valid)} FROM (SELECT s._pos, ${join(texts)} FROM ${STAGE} s OFFSET 0) _t OFFSET 0) _t`;
}

/** A level of a query has at most 1664 columns, and each field takes three in one of the usual way. */
const MOST_BESIDE = 500;

/** The same with what fits in an array: texts are looked at twice, and nothing has more columns than the table. */
function readWideStage(job: LandingJob): Sql {
  const { dataset, rules } = job;
  const read = dataset.fields.map((field, i) => {
    const { valid, value } = fieldInput(field, sql`(${stageText(job, field)})`);
    return { field, valid: sql`coalesce(${stageShape(job, field)} AND ${valid}, false)`, value, fits: sql`_v._ok[${raw(String(i + 1))}]` };
  });
  const values = read.map(({ fits, value }) => sql`CASE WHEN ${fits} THEN ${value} END`);
  const marks = read.map(({ field, fits }) => sql`CASE WHEN NOT ${fits} THEN ${place(rules.typeOf.get(field.name))} END`);
  return sql`INSERT INTO ${LANDED} (_pos, _bad, ${columnsOf(dataset)})
      SELECT s._pos, CASE WHEN true = ALL (_v._ok) THEN NULL ELSE array_remove(ARRAY[${join(marks)}], NULL) END, ${join(values)}
      FROM ${STAGE} s CROSS JOIN LATERAL (SELECT ARRAY[${join(read.map(({ valid }) => valid))}] AS _ok OFFSET 0) _v`;
}

function column(prefix: string, i: number): Sql {
  return identifier(`${prefix}${i}`);
}

/** The row as it came: field -> text. A line that is no object is kept whole under an empty name. */
function rawOfStage(columns: readonly SourceColumn[] | undefined): Sql {
  if (!columns) {
    return sql`CASE WHEN s._doc IS NULL THEN jsonb_build_object('', s._text) ELSE (SELECT coalesce(jsonb_object_agg(k, v), '{}') FROM jsonb_each_text(s._doc) AS e(k, v)) END`;
  }
  const pairs = columns.map((column, i) => sql`jsonb_build_object(${literal(column.field?.name ?? column.name)}, s.${stageColumn(column, i)})`);
  return join(pairs, ' || ');
}
