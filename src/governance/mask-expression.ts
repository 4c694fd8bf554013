import { columnType, type Field } from '../catalog/index.js';
import { compileExpression, identifier, render, sql, type Expression, type Sql } from '../sql/index.js';
import type { SqlMask } from './mask-kind.js';

/** The row that a mask is on, as an expression may read it. */
export interface MaskedRow {
  readonly columns: ReadonlyMap<string, string>;
  readonly column: (name: string) => Sql;
}

/** @throws HeadgateError BAD_USER_INPUT for an expression that is not allowed, or does not fit the columns */
export function sqlMaskExpression({ sql: text }: SqlMask, columns: ReadonlyMap<string, string>): Expression {
  return compileExpression(text, { columns });
}

/** Texts have the order of code points, whatever the expression made of their collation. */
export function sqlMask(mask: SqlMask, field: Field, row: MaskedRow): Sql {
  const value = sqlMaskExpression(mask, row.columns).toSql({ column: row.column });
  return field.type === 'text' && !field.list ? sql`(${value} COLLATE "C")` : value;
}

/** Whether it is the column itself, in parentheses or cast to its own type: no mask at all. */
export function isBare(expression: Expression, field: Field): boolean {
  if (expression.columns.length !== 1 || expression.columns[0] !== field.name) return false;
  const { text } = render(expression.toSql({ column: () => identifier(field.name) }));
  const { text: bare } = render(identifier(field.name));
  const type = (CAST_NAMES[columnType(field)] ?? columnType(field)).replace('[]', '');
  const words = text.replaceAll(/[()[\]\s]/g, '').replace(/^(CAST)+/, '');
  return words.replaceAll('ASpg_catalog', '::pg_catalog').replaceAll(`::pg_catalog.${type}`, '') === bare;
}

/** How casts to types of columns are written back, where another name is. */
const CAST_NAMES: Readonly<Record<string, string>> = { integer: 'int4', bigint: 'int8', 'double precision': 'float8', boolean: 'bool' };
