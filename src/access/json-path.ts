import { raw, sql, type Sql } from '../sql/index.js';
import type { Condition, JsonPathOperator } from './condition.js';
import { slotSql } from './slot.js';

type JsonPathCondition = Extract<Condition, { kind: 'jsonPath' }>;

const COMPARISONS: Readonly<Partial<Record<JsonPathOperator, string>>> = { eq: '=', ne: '<>', lt: '<', lte: '<=', gt: '>', gte: '>=' };

/**
 * A condition on what stands at a path inside a JSON value; where nothing stands there it is unknown. Sizes are compared
 * among numbers and among texts only, so that no order between a number and a text is made up.
 */
export function jsonPathSql({ path, operator, operand, comparand }: JsonPathCondition, column: Sql): Sql {
  const value = sql`(${column} #> ${slotSql(path)})`;
  if (operator === 'isNull') return sql`(${value} IS NULL OR ${value} = 'null'::jsonb)`;
  if (operator === 'isNotNull') return sql`(${value} IS NOT NULL AND ${value} <> 'null'::jsonb)`;
  if (!operand) throw new Error(`${operator} needs an operand`);
  if (operator === 'in') return sql`${value} = ANY (${slotSql(operand)})`;
  const comparison = raw(COMPARISONS[operator] ?? '=');
  if (operator === 'eq' || operator === 'ne') return sql`${value} ${comparison} ${slotSql(operand)}`;
  const isComparable = sql`CASE WHEN jsonb_typeof(${value}) = ${raw(comparand === 'text' ? "'string'" : "'number'")} THEN`;
  // Texts go by code point, as everywhere; inside JSON they would go by the database's collation.
  if (comparand === 'text') return sql`${isComparable} (${value} #>> '{}') COLLATE "C" ${comparison} ${slotSql(operand)} END`;
  return sql`${isComparable} ${value} ${comparison} ${slotSql(operand)} END`;
}
