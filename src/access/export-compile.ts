import type { Field } from '../catalog/index.js';
import type { MaskKeys } from '../governance/index.js';
import { identifier, join, raw, sql, type Sql } from '../sql/index.js';
import { csvValue } from './csv-value.js';
import type { GovernedExport } from './export-plan.js';
import { conditionSql } from './filter.js';
import { jsonObject, jsonTuple, type Json } from './json-object.js';
import { jsonValue } from './json-value.js';
import { orderBySql, totalOrder } from './order.js';
import type { Encryption } from './opening.js';
import { parquetValue } from './parquet-value.js';
import { SourceContext } from './source.js';

/**
 * How a row leaves the database: as `columns` of texts for CSV; as a JSON `object` with the names and values of the
 * GraphQL API, or as an `element` of a list of them, which is one behind a comma; as a JSON `tuple` of what a Parquet file
 * holds.
 */
export type RowShape = 'columns' | 'object' | 'element' | 'tuple';

/** The query whose rows the file holds. */
export interface CompiledExport {
  readonly query: Sql;
  readonly shape: RowShape;
  /** A condition of a grant in it may raise an error on some row. */
  readonly mayFail: boolean;
  /** The encrypted fields in it. */
  readonly encryption: Encryption;
}

/** Compiles a governed export; there is no other way from an export to SQL. */
export function compileExport(plan: GovernedExport, maskKeys: MaskKeys, shape: RowShape): CompiledExport {
  const context = new SourceContext(plan.decisions, maskKeys);
  const { dataset, fields, where, order } = plan;
  const source = context.source(dataset);
  const filter = where ? sql` WHERE ${conditionSql(where, source, context)}` : raw('');
  const isPlain = (field: Field): boolean => source.isPlain(field);
  const rows = (list: Sql): Sql => sql`SELECT ${list} FROM ${source.toSql()}${filter}`;
  if (order.length === 0) {
    const list = rowList(fields, shape, (field) => source.column(field), isPlain);
    return { query: rows(list), shape, mayFail: context.hasBarrier, encryption: context.encrypted.encryption };
  }
  // Sorted below what is written of them: it would be carried through the sort.
  const by = orderBySql(totalOrder(order, source, dataset, context), false);
  const columns = join(fields.map((field) => sql`${source.column(field)} AS ${identifier(field.name)}`));
  const sorted = context.nextAlias('p');
  const list = rowList(fields, shape, (field) => sql`${sorted}.${identifier(field.name)}`, isPlain);
  return {
    query: sql`SELECT ${list} FROM (${rows(columns)} ORDER BY ${by}) AS ${sorted}`,
    shape,
    mayFail: context.hasBarrier,
    encryption: context.encrypted.encryption,
  };
}

function rowList(fields: readonly Field[], shape: RowShape, column: (field: Field) => Sql, isPlain: (field: Field) => boolean): Sql {
  switch (shape) {
    case 'columns':
      return join(fields.map((field) => sql`${csvValue(field, column(field), isPlain(field))} AS ${identifier(field.graphqlName)}`));
    case 'object':
    case 'element': {
      const pairs = fields.map((field): [string, Json] => [field.graphqlName, jsonValue(field, column(field), isPlain(field) && field.required)]);
      return asText(jsonObject(pairs, shape === 'element' ? ',' : ''));
    }
    case 'tuple':
      return asText(jsonTuple(fields.map((field) => parquetValue(field, column(field)))));
  }
}

/** COPY writes bytes as digits. */
function asText(json: Sql): Sql {
  return sql`convert_from(${json}, 'UTF8')`;
}
