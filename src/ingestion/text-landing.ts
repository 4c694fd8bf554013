import type { Field } from '../catalog/index.js';
import { identifier, join, literal, raw, sql, type Sql } from '../sql/index.js';
import { CsvFile } from './csv-file.js';
import { copyIn } from './copy.js';
import { place } from './contract-rules.js';
import { fieldInput } from './field-input.js';
import { jsonLines } from './json-lines.js';
import { COMMA, type Landed, type LandingJob, TAB } from './landing.js';
import { rejected } from './rejection.js';
import { columnsOf, LANDED, RAW_ROW, REFUSED, rows, run } from './work-tables.js';

/** The text of one CSV row, and where it is. */
export interface TextRow {
  readonly position: number;
  readonly line: number;
  readonly text: Buffer;
}

const STAGE = raw('pg_temp.stage');

/**
 * The general way: rows land as text and are read by one statement that never raises, which says of each field whether
 * it fits. It takes every format and any number of bad rows.
 */
export async function landText(job: LandingJob): Promise<Landed> {
  const read = job.format === 'csv' || job.format === 'tsv' ? await landCsv(job) : await landJson(job);
  const keepRaw = async () => {
    await run(job.tx, sql`INSERT INTO ${RAW_ROW} SELECT s._pos, s._line, ${rawOfStage(job)} FROM ${STAGE} s WHERE s._pos IN (SELECT _pos FROM ${REFUSED})`);
  };
  return { read, keepRaw };
}

async function landCsv(job: LandingJob): Promise<number> {
  const { dataset, spooled, format, maxValueBytes, onBytes } = job;
  const delimiter = format === 'tsv' ? TAB : COMMA;
  const file = new CsvFile({ path: spooled.path, delimiter, dataset, maxValueBytes });
  const fields = await file.fields();
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
  const read = await stageCsv(job, fields, delimiter, numbered);
  await run(job.tx, readStage(job));
  return read;
}

/**
 * Lands single rows of a CSV file in the general way; their texts go to `raw_row` at once, whether they fit or not.
 * Returns the positions of those that fit their types.
 */
export async function landCsvRows(job: LandingJob, fields: readonly Field[], delimiter: number, texts: readonly TextRow[]): Promise<ReadonlySet<number>> {
  async function* chunks(): AsyncGenerator<Buffer> {
    for (const { position, line, text } of texts) yield Buffer.concat(numberedRow(position, line, delimiter, text));
  }
  await stageCsv(job, fields, delimiter, chunks());
  await run(job.tx, sql`INSERT INTO ${RAW_ROW} SELECT s._pos, s._line, ${rawOfStage(job)} FROM ${STAGE} s`);
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

async function stageCsv(job: LandingJob, fields: readonly Field[], delimiter: number, chunks: AsyncIterable<Buffer>): Promise<number> {
  const { tx, signal } = job;
  const names = fields.map(({ name }) => identifier(name));
  await run(tx, sql`CREATE TEMP TABLE stage (_pos bigint, _line bigint, ${join(names.map((name) => sql`${name} text`))}) ON COMMIT DROP`);
  return copyIn(tx, sql`COPY ${STAGE} FROM STDIN (FORMAT csv, DELIMITER ${literal(String.fromCharCode(delimiter))})`, chunks, signal);
}

/**
 * JSON rows land as one text column. A character that no JSON text can hold raw serves as quote, another as delimiter,
 * so COPY takes each line as it is.
 */
async function landJson(job: LandingJob): Promise<number> {
  const { tx, dataset, rules, signal } = job;
  await tx.query('CREATE TEMP TABLE line (_pos bigint, _line bigint, _text text) ON COMMIT DROP');
  const read = await copyIn(tx, sql`COPY pg_temp.line FROM STDIN (FORMAT csv, DELIMITER E'\\x01', QUOTE E'\\x02')`, jsonLines(job), signal);
  await tx.query(`CREATE TEMP TABLE stage ON COMMIT DROP AS
    SELECT _pos, _line, CASE WHEN jsonb_typeof(_doc) = 'object' THEN _doc END AS _doc, CASE WHEN jsonb_typeof(_doc) = 'object' THEN NULL ELSE _text END AS _text
    FROM (SELECT _pos, _line, _text, CASE WHEN pg_input_is_valid(_text, 'jsonb') THEN _text::jsonb END AS _doc FROM pg_temp.line OFFSET 0) t`);
  await tx.query('DROP TABLE pg_temp.line');
  const names = join(dataset.fields.map(({ name }) => literal(name)));
  const [unknown] = await rows<{ line: string; name: string }>(
    tx,
    sql`SELECT s._line AS line, k AS name FROM ${STAGE} s, jsonb_object_keys(s._doc) k
      WHERE s._doc - ARRAY[${names}] <> '{}' AND k <> ALL (ARRAY[${names}]) ORDER BY s._pos LIMIT 1`,
  );
  if (unknown) {
    const shown = unknown.name.slice(0, 80);
    throw rejected(`The row at line ${unknown.line} has "${shown}", which is not in the contract of "${dataset.name}". Change the file, or the contract.`, {
      line: Number(unknown.line),
      extra: [shown],
    });
  }
  if (read > 0 && !job.eachAlone) {
    const [any] = await tx.query('SELECT 1 FROM pg_temp.stage WHERE _doc IS NOT NULL LIMIT 1');
    if (!any) throw rejected('No row is a JSON object. Expected one object per line (ndjson), or an array of objects (json).', { line: 1 });
  }
  await run(tx, readStage(job));
  // A row that is not an object has one reason, not one per field.
  await run(tx, sql`UPDATE ${LANDED} SET _bad = ARRAY[${place(rules.notAnObject)}] FROM ${STAGE} s WHERE s._pos = landed._pos AND s._doc IS NULL`);
  return read;
}

/** From `stage` into `landed`: each text read as its type, or marked. */
function readStage(job: LandingJob): Sql {
  const { dataset, rules } = job;
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

function column(prefix: string, i: number): Sql {
  return identifier(`${prefix}${i}`);
}

function stageText({ format }: LandingJob, field: Field): Sql {
  const isJson = format === 'json' || format === 'ndjson';
  const name = isJson ? literal(field.name) : identifier(field.name);
  // What is nested keeps its JSON; anything else is taken without its quotes.
  const text = isJson ? (field.list || field.type === 'json' ? sql`nullif(s._doc -> ${name}, 'null')::text` : sql`s._doc ->> ${name}`) : sql`s.${name}`;
  return field.type === 'text' && !field.list ? text : sql`nullif(${text}, '')`;
}

/** Whether a JSON value is of a kind that the field can be read from. */
function stageShape({ format }: LandingJob, field: Field): Sql {
  if (format === 'csv' || format === 'tsv' || field.list || field.type === 'json') return sql`true`;
  return sql`(jsonb_typeof(s._doc -> ${literal(field.name)}) IN ('object', 'array')) IS NOT TRUE`;
}

/** The row as it came: field -> text. A line that is no object is kept whole under an empty name. */
function rawOfStage({ format, dataset }: LandingJob): Sql {
  if (format === 'json' || format === 'ndjson') {
    return sql`CASE WHEN s._doc IS NULL THEN jsonb_build_object('', s._text) ELSE (SELECT coalesce(jsonb_object_agg(k, v), '{}') FROM jsonb_each_text(s._doc) AS e(k, v)) END`;
  }
  const pairs = dataset.fields.map(({ name }) => sql`jsonb_build_object(${literal(name)}, s.${identifier(name)})`);
  return join(pairs, ' || ');
}
