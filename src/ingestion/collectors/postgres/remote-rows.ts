import { didYouMean, listOf, parseTableName, type Dataset, type Field } from '../../../catalog/index.js';
import { HeadgateError } from '../../../kernel/index.js';
import { castColumn, fits, type RemoteColumn, type Sources } from '../../../sources/index.js';
import { identifier, join, sql, type Sql } from '../../../sql/index.js';
import type { PostgresPart } from '../parts/postgres.js';

/** What of the sources is needed to collect from one. */
export type CollectedSources = Pick<Sources, 'borrow' | 'open' | 'openReplication'>;

export interface RemoteTableFacts {
  readonly source: string;
  /** As in `server_version_num`. */
  readonly version: number;
  readonly columns: readonly RemoteColumn[];
}

/** A field of the contract, and the column that it is at the source. */
export interface CollectedField {
  readonly field: Field;
  readonly column: RemoteColumn;
}

/**
 * The fields that are collected.
 * @throws HeadgateError CONTRACT_VIOLATION for a column that is not there, or that its field can't show
 */
export function collectedFields({ columns: said }: PostgresPart, dataset: Dataset, { source, columns }: RemoteTableFacts): readonly CollectedField[] {
  const wanted = said ? dataset.fields.filter(({ name }) => Object.hasOwn(said, name)) : dataset.fields;
  return wanted.map((field) => {
    const name = said?.[field.name] ?? field.name;
    const column = columns.find((each) => each.name === name);
    const violated = (message: string) => new HeadgateError('CONTRACT_VIOLATION', message, { source, dataset: dataset.name, field: field.name });
    const names = columns.map((each) => each.name);
    if (!column) {
      throw violated(
        `The table at ${source} has no column "${name}" for ${field.name}.${didYouMean(name, names)} Columns: ${listOf(names)}. Map it under columns.`,
      );
    }
    if (fits(column, field)) return { field, column };
    throw violated(`${field.name} is ${field.type}${field.list ? '[]' : ''}, and the column "${name}" at ${source} is ${column.typeText}.`);
  });
}

/** The columns of `t` as the contract has them. */
export function columnsSql(fields: readonly { readonly field: Pick<Field, 'name' | 'type' | 'list'>; readonly column: RemoteColumn }[], version: number): Sql {
  return join(
    fields.map(({ field, column }) => {
      const value = castColumn(column, field, sql`t.${identifier(column.name)}`, version);
      // The list of a file is an array of JSON.
      return sql`${field.list ? sql`pg_catalog.to_json(${value})` : value} AS ${identifier(field.name)}`;
    }),
  );
}

export function tableSql({ table }: Pick<PostgresPart, 'table'>): Sql {
  const { schema, name } = tableOfPart({ table });
  return identifier(schema, name);
}

export function tableOfPart({ table }: Pick<PostgresPart, 'table'>): { readonly schema: string; readonly name: string } {
  const parsed = parseTableName(table);
  if (!parsed) throw new Error('the table of a collector is checked when it is applied');
  return parsed;
}
