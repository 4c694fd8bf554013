import { didYouMean, isJoinable, listOf, tableNameText, type ScalarType, type SourceSpec } from '../../../catalog/index.js';
import { HeadgateError } from '../../../kernel/index.js';
import { contractType, localName, TakenNames, type ListedTable, type RemoteColumn } from '../../../sources/index.js';
import { identifier, sql } from '../../../sql/index.js';
import type { PostgresPart } from '../../collectors/parts/postgres.js';
import { columnsSql, type CollectedSources } from '../../collectors/postgres/remote-rows.js';
import type { Sample, SampleBounds } from './sample.js';

/** Rows that are fetched at once. */
const FETCHED = 500;
/** Rows may be long: what is in so many bytes is enough. */
const MOST_BYTES = 64 * 1_024 * 1_024;
const LONGEST_STATEMENT_MS = 30_000;
const CHANGED = /^(last_)?(updated|modified|changed)(_|$)/;

interface NamedColumn {
  readonly column: RemoteColumn;
  readonly field: { readonly name: string; readonly type: ScalarType; readonly list: boolean };
}

/**
 * The first rows of a table or view of another PostgreSQL, whose catalog says what its columns are.
 * @param from `schema.table`, or the table's name alone
 * @throws HeadgateError BAD_USER_INPUT for a table that is not there, or that no contract can show; as the source's queries
 */
export async function postgresSample(sources: CollectedSources, source: SourceSpec, from: string, bounds: SampleBounds): Promise<Sample> {
  const { table, columns, version } = await sources.borrow(source, async (open) => {
    const facts = await open.facts();
    const found = tableOf(source.name, await open.tables(), from);
    return { table: found, columns: (await open.columns(found)) ?? [], version: facts.version };
  });
  const taken = new TakenNames();
  const named = columns.flatMap((column): NamedColumn[] => {
    const type = contractType(column);
    return type ? [{ column, field: { name: taken.take(localName(column.name, 'field')), ...type } }] : [];
  });
  if (named.length === 0) throw new HeadgateError('BAD_USER_INPUT', `${tableNameText(table)} has no column that a contract can show.`, { source: source.name });
  const localOf = (name: string) => named.find(({ column }) => column.name === name)?.field;
  const key = (table.key ?? []).map(localOf);
  const isKey = key.length > 0 && key.every((field) => field !== undefined && isJoinable(field.type));
  const leftOut = columns.filter((column) => !localOf(column.name)).map(({ name, typeText }) => `${name} (${typeText})`);
  let isOver = false;

  async function* rows(): AsyncGenerator<Buffer> {
    const session = await sources.open(source, bounds.signal);
    try {
      await session.query('BEGIN READ ONLY');
      // A view may take long to its first row, and its server would go on when nobody waits any more.
      await session.query(`SET LOCAL statement_timeout = ${LONGEST_STATEMENT_MS}`);
      const { schema, name } = table;
      await session.query(sql`DECLARE rows NO SCROLL CURSOR FOR SELECT (SELECT pg_catalog.row_to_json(r)::text FROM (SELECT ${columnsSql(named, version)}) r) AS row
        FROM ${identifier(schema, name)} t`);
      for (let seen = 0, bytes = 0; seen < bounds.mostRows && bytes < MOST_BYTES; seen += FETCHED) {
        const batch = await session.query<{ row: string }>(`FETCH ${FETCHED} FROM rows`);
        isOver = batch.length < FETCHED;
        const content = Buffer.from(batch.map(({ row }) => `${row}\n`).join(''));
        bytes += content.length;
        yield content;
        if (isOver) return;
      }
    } finally {
      await session.close();
    }
  }

  return {
    called: table.name,
    rows: rows(),
    columns: named.map(({ column: { notNull, comment }, field: { name, type, list } }) => ({
      name,
      type,
      list,
      required: notNull,
      ...(comment && { description: comment.slice(0, 10_000) }),
    })),
    key: isKey ? key.flatMap((field) => field?.name ?? []) : [],
    isWhole: () => isOver,
    seen: () => `${tableNameText(table)} of the source ${source.name}`,
    part: (_fields, known) => ({
      part: { postgres: partOf(table, named) },
      remarks: known.length > 0 ? [laterOf(named)] : [],
    }),
    remarks: leftOut.length > 0 ? [`Left out, since no type of a contract can show them: ${leftOut.join(', ')}.`] : [],
  };
}

function laterOf(named: readonly NamedColumn[]): string {
  const changed = named.find(({ field: { name, type } }) => type === 'timestamp' && CHANGED.test(name));
  const since = changed ? `since: { column: ${changed.column.name} } to ask only for what is new, or ` : '';
  return `With mode: merge also ${since}capture: {} to have each change.`;
}

function partOf(table: ListedTable, named: readonly NamedColumn[]): PostgresPart {
  const isMapped = named.some(({ column, field }) => column.name !== field.name);
  return {
    table: tableNameText(table),
    ...(isMapped && { columns: Object.fromEntries(named.map(({ column, field }) => [field.name, column.name])) }),
  };
}

function tableOf(source: string, tables: readonly ListedTable[], from: string): ListedTable {
  const names = tables.map((table) => tableNameText(table));
  const [found, ...others] = tables.filter((table) => from === tableNameText(table) || from === table.name);
  if (found && others.length === 0) return found;
  const problem = found
    ? `There are several tables "${from.slice(0, 130)}" at ${source}: ${listOf([found, ...others].map((table) => tableNameText(table)))}.`
    : `There is no table or view "${from.slice(0, 130)}" at ${source} that its user may read.${didYouMean(from, [...names, ...tables.map(({ name }) => name)])} Tables: ${listOf(names)}.`;
  throw new HeadgateError('BAD_USER_INPUT', problem, { source });
}
