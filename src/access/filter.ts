import { columnType, type Field } from '../catalog/index.js';
import { join, raw, sql, word, type Sql } from '../sql/index.js';
import type { Condition, FieldOperator, Slot } from './condition.js';
import { jsonPathSql } from './json-path.js';
import { related } from './relation.js';
import { slotSql } from './slot.js';
import type { Source, SourceContext } from './source.js';

/** Lower case of all of Unicode, without a locale: in collation C `lower` knows ASCII only. */
export const FOLDED = 'COLLATE pg_catalog.pg_c_utf8';
const folding = word('folded', FOLDED);

/**
 * A condition over a governed source. No operator here can raise on data, since PostgreSQL may run it before the row
 * filter below it, and an error would tell of a hidden row. Comparisons with null are unknown, as in SQL.
 */
export function conditionSql(condition: Condition, source: Source, context: SourceContext): Sql {
  switch (condition.kind) {
    case 'and':
    case 'or': {
      if (condition.conditions.length === 0) return raw(condition.kind === 'and' ? 'TRUE' : 'FALSE');
      const parts = condition.conditions.map((inner) => conditionSql(inner, source, context));
      return sql`(${join(parts, condition.kind === 'and' ? ' AND ' : ' OR ')})`;
    }
    case 'not':
      return sql`(NOT ${conditionSql(condition.condition, source, context)})`;
    case 'isNull':
      return sql`(${condition.field.encrypted ? source.index(condition.field) : source.column(condition.field)} IS ${raw(condition.isNull ? 'NULL' : 'NOT NULL')})`;
    case 'field':
      return sql`(${fieldTest(condition, source)})`;
    case 'jsonPath':
      return sql`(${jsonPathSql(condition, source.column(condition.field))})`;
    case 'related': {
      const { quantifier, relation, target } = condition;
      const there = context.source(target);
      const inner = conditionSql(condition.condition, there, context);
      const test = quantifier === 'every' ? sql`(${inner}) IS NOT TRUE` : inner;
      const keys = related(relation, source, there);
      const exists = sql`EXISTS (SELECT 1 FROM ${there.toSql()} WHERE ${keys} AND ${test})`;
      return quantifier === 'is' || quantifier === 'some' ? exists : sql`(NOT ${exists})`;
    }
  }
}

/** Patterns can take any time on a value. */
const PATTERNS: ReadonlySet<FieldOperator> = new Set(['like', 'likeInsensitive', 'matches', 'matchesInsensitive']);

function fieldTest({ operator, field, operands }: Extract<Condition, { kind: 'field' }>, source: Source): Sql {
  if (field.encrypted) return encryptedTest(operator, field, operands, source);
  const test = operatorSql(operator, field, comparedOf(field, source), operands);
  return PATTERNS.has(operator) ? source.guarded(test) : test;
}

/** The database compares what equal values have in common, and knows neither of them. */
function encryptedTest(operator: FieldOperator, field: Field, [operand]: readonly Slot[], source: Source): Sql {
  if ((operator !== 'eq' && operator !== 'in') || operand === undefined) throw new Error(`${operator} is not an operator of an encrypted field`);
  return sql`${source.index(field)} = ANY (${source.blinded(field, operand)})`;
}

const COMPARISONS: Readonly<Partial<Record<FieldOperator, string>>> = { eq: '=', ne: '<>', lt: '<', lte: '<=', gt: '>', gte: '>=' };

/** Those that ask whether values are equal, and nothing of their order. */
const EQUATING: ReadonlySet<FieldOperator> = new Set(['eq', 'ne', 'in', 'notIn']);

/** A value that is compared. */
export interface Compared {
  readonly value: Sql;
  /** For comparisons that ask only whether values are equal. */
  readonly equated: Sql;
}

function comparedOf(field: Field, source: Source): Compared {
  return { value: source.column(field), equated: source.equated(field) };
}

export function operatorSql(
  operator: FieldOperator,
  field: Pick<Field, 'type' | 'list'>,
  { value: column, equated }: Compared,
  operands: readonly Slot[],
): Sql {
  const [a, b] = operands.map(slotSql);
  if (a === undefined) throw new Error(`${operator} needs an operand`);
  const compared = field.type === 'text' && !field.list ? sql`${column} COLLATE "C"` : column;
  const c = EQUATING.has(operator) ? equated : compared;
  const comparison = COMPARISONS[operator];
  if (comparison !== undefined) return sql`${c} ${raw(comparison)} ${a}`;
  const folded = sql`lower(${column} ${folding})`;
  const foldedOperand = sql`lower(${a} ${folding})`;
  switch (operator) {
    case 'in':
      return sql`${c} = ANY (${a})`;
    case 'notIn':
      return sql`${c} <> ALL (${a})`;
    case 'between':
      return sql`${c} BETWEEN ${a} AND ${b ?? raw('NULL')}`;
    case 'startsWith':
      return sql`${c} ^@ ${a}`;
    case 'endsWith':
      return endsWith(column, a);
    case 'like':
      return sql`${c} LIKE ${a}`;
    case 'matches':
      return sql`${c} ~ ${a}`;
    case 'eqInsensitive':
      return sql`${folded} = ${foldedOperand}`;
    case 'inInsensitive':
      return sql`${folded} = ANY (SELECT lower(v ${folding}) FROM unnest(${a}) AS v)`;
    case 'containsInsensitive':
      return sql`strpos(${folded}, ${foldedOperand}) > 0`;
    case 'startsWithInsensitive':
      return sql`starts_with(${folded}, ${foldedOperand})`;
    case 'endsWithInsensitive':
      return endsWith(folded, foldedOperand);
    case 'likeInsensitive':
      return sql`${folded} LIKE ${foldedOperand}`;
    case 'matchesInsensitive':
      return sql`${column} ${folding} ~* ${a}`;
    case 'contains':
      return field.list || field.type === 'json' ? sql`${column} @> ${a}` : sql`strpos(${column}, ${a}) > 0`;
    case 'containedBy':
      return sql`${column} <@ ${a}`;
    case 'overlaps':
      return sql`${column} && ${a}`;
    case 'hasKey':
      return sql`jsonb_exists(${column}, ${a})`;
    default:
      throw new Error(`${operator} is not an operator of ${columnType(field)}`);
  }
}

/** right('...', 0) is the empty text, so everything ends with nothing. */
function endsWith(text: Sql, end: Sql): Sql {
  return sql`right(${text}, length(${end})) = ${end}`;
}
