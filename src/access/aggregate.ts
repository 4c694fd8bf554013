import type { Dataset, Field } from '../catalog/index.js';
import { pascalCase } from '../kernel/index.js';
import { raw, type Sql } from '../sql/index.js';
import { cellQuantitySql, type CellColumns } from './cells.js';
import { jsonConstant, jsonObject, type Json } from './json-object.js';
import { jsonValue } from './json-value.js';
import { measureSql, measureType, type Quantity } from './measure.js';
import type { AggregateMember } from './summary.js';

/** What aggregates are computed over: the rows of a FROM clause, or cells of them. */
export interface Measurable {
  /** The value of a field in such a row, or of a dimension in such a cell. */
  column(field: Field): Sql;
  readonly cells: CellColumns | undefined;
}

/** Aggregates over the rows of a FROM clause, as one JSON object. */
export function aggregateJson(members: readonly AggregateMember[], dataset: Dataset, rows: Measurable): Sql {
  return jsonObject(
    members.map((member): [string, Json] => {
      switch (member.kind) {
        case 'typename':
          return [member.key, jsonConstant(`${dataset.typeName}Aggregate`)];
        case 'count':
          return [member.key, quantityJson({ kind: 'count' }, rows)];
        case 'measures': {
          const pairs = member.members.map((inner): [string, Json] => {
            if (inner.kind === 'typename') return [inner.key, jsonConstant(`${dataset.typeName}${pascalCase(member.measure)}`)];
            return [inner.key, quantityJson({ kind: 'measure', measure: member.measure, field: inner.field }, rows)];
          });
          return [member.key, jsonObject(pairs)];
        }
      }
    }),
  );
}

export function quantitySql(quantity: Quantity, rows: Measurable): Sql {
  if (rows.cells) return cellQuantitySql(quantity, rows.cells);
  return quantity.kind === 'count' ? raw('count(*)') : measureSql(quantity.measure, quantity.field, rows.column(quantity.field));
}

function quantityJson(quantity: Quantity, rows: Measurable): Json {
  const isCount = quantity.kind === 'count' || quantity.measure === 'countDistinct';
  return jsonValue({ type: quantityType(quantity), list: false }, quantitySql(quantity, rows), isCount);
}

/** @throws Error for a measure that there is not: the schema has no such field. */
export function quantityType(quantity: Quantity): Field['type'] {
  if (quantity.kind === 'count') return 'bigint';
  const type = measureType(quantity.measure, quantity.field);
  if (type === undefined) throw new Error(`there is no ${quantity.measure} of ${quantity.field.name}`);
  return type;
}
