import { columnType, type Dataset, type Field, type FieldRule, type Severity } from '../catalog/index.js';
import { compileExpression, identifier, join, literal, raw, sql, type Sql } from '../sql/index.js';

export type Dimension = 'accuracy' | 'completeness' | 'consistency' | 'timeliness';

/** A rule that looks at one row alone, as SQL. */
export interface RowRule {
  /** Unique within the dataset: `email.matches`, or the name of a rule of the dataset. */
  readonly name: string;
  /** The kind: `required`, `matches`, `between`, `in`, `length`, `references`, `check`. */
  readonly kind: string;
  readonly field?: string;
  /** All fields that it looks at. */
  readonly reads: readonly string[];
  readonly dimension: Dimension;
  readonly severity: Severity;
  /** Boolean, never null: true when the row breaks the rule. */
  readonly failing: Sql;
  readonly expected: string;
  /** What to tell about a row that breaks it; without the value. */
  readonly message: string;
}

/** A rule that no two rows have the same values (rows with a null in one of them aside). */
export interface UniqueRule {
  readonly name: string;
  readonly fields: readonly string[];
  readonly severity: Severity;
}

/** Gives a column of the row under test, qualified as the statement needs it. */
export type ColumnOf = (name: string) => Sql;

/**
 * The rules of a contract that each row can be tested by, with `required` first. A null passes every rule but `required`.
 * No predicate raises on a value of its column's type; an expression of a `check` may (a division by zero).
 * `prepareParser` of the room sql must have been awaited before.
 * @throws HeadgateError BAD_USER_INPUT when an expression is not allowed; the catalog has refused such before.
 */
export function rowRulePredicates(dataset: Dataset, column: ColumnOf): readonly RowRule[] {
  const columns = new Map(dataset.fields.map((field) => [field.name, columnType(field)]));
  const rules = dataset.fields.flatMap((field) => [...requiredRule(field, dataset, column), ...fieldRules(field, column)]);
  for (const rule of dataset.rules) {
    if (rule.kind !== 'check') continue;
    const expression = compileExpression(rule.expression, { columns });
    rules.push({
      name: rule.name,
      kind: 'check',
      reads: expression.columns,
      dimension: 'consistency',
      severity: rule.severity,
      failing: sql`(${expression.toSql({ column })} IS FALSE)`,
      expected: rule.expression,
      message: `breaks the rule ${rule.name}`,
    });
  }
  return rules;
}

/** The `unique` rules of fields and of the dataset. */
export function uniqueRules(dataset: Dataset): readonly UniqueRule[] {
  const ofFields = dataset.fields.flatMap((field) =>
    field.rules.filter((rule) => rule.kind === 'unique').map(({ severity }) => ({ name: `${field.name}.unique`, fields: [field.name], severity })),
  );
  const ofDataset = dataset.rules.filter((rule) => rule.kind === 'unique').map(({ name, fields, severity }) => ({ name, fields, severity }));
  return [...ofFields, ...ofDataset];
}

function requiredRule(field: Field, dataset: Dataset, column: ColumnOf): RowRule[] {
  const inKey = dataset.key.includes(field.name);
  if (!field.required && !inKey) return [];
  return [
    {
      name: `${field.name}.required`,
      kind: 'required',
      field: field.name,
      reads: [field.name],
      dimension: 'completeness',
      severity: 'error',
      failing: sql`(${column(field.name)} IS NULL)`,
      expected: 'a value',
      message: inKey ? 'a field of the key has no value' : 'a required field has no value',
    },
  ];
}

function fieldRules(field: Field, column: ColumnOf): RowRule[] {
  const counts = new Map<string, number>();
  return field.rules.flatMap((rule) => {
    const compiled = fieldRule(field, rule, column(field.name));
    if (!compiled) return [];
    const count = (counts.get(rule.kind) ?? 0) + 1;
    counts.set(rule.kind, count);
    const { failing, expected, message, dimension = 'accuracy' } = compiled;
    const name = `${field.name}.${rule.kind}${count > 1 ? `.${count}` : ''}`;
    return [
      {
        name,
        kind: rule.kind,
        field: field.name,
        reads: [field.name],
        dimension,
        severity: rule.severity,
        failing: sql`((${failing}) IS TRUE)`,
        expected,
        message,
      },
    ];
  });
}

interface Compiled {
  readonly failing: Sql;
  readonly expected: string;
  readonly message: string;
  readonly dimension?: Dimension;
}

function fieldRule(field: Field, rule: FieldRule, value: Sql): Compiled | undefined {
  // The length of a list is its own; every other rule is about each of its elements.
  if (field.list && rule.kind !== 'length') {
    const element = scalarRule({ ...field, list: false }, rule, sql`_e._v`);
    return element && { ...element, failing: sql`EXISTS (SELECT FROM unnest(${value}) AS _e(_v) WHERE ${element.failing})` };
  }
  return scalarRule(field, rule, value);
}

function scalarRule(field: Field, rule: FieldRule, value: Sql): Compiled | undefined {
  switch (rule.kind) {
    case 'unique':
      return undefined;
    case 'matches':
      return {
        failing: sql`${asText(field, value)} !~ ${literal(rule.pattern)}`,
        expected: `matches ${rule.pattern}`,
        message: `does not match ${rule.pattern}`,
      };
    case 'between':
      return {
        failing: sql`${value} NOT BETWEEN ${bound(field, rule.low)} AND ${bound(field, rule.high)}`,
        expected: `between ${rule.low} and ${rule.high}`,
        message: `is not between ${rule.low} and ${rule.high}`,
      };
    case 'in':
      return {
        failing: sql`${value} <> ALL (ARRAY[${join(rule.values.map((allowed) => literal(allowed)))}]::${raw(columnType(field))}[])`,
        expected: `one of ${rule.values.join(', ')}`,
        message: `is not one of the ${rule.values.length} allowed values`,
      };
    case 'length': {
      const length = field.list ? sql`cardinality(${value})` : sql`char_length(${asText(field, value)})`;
      const what = rule.low === rule.high ? `${rule.low}` : `${rule.low} to ${rule.high}`;
      return {
        failing: sql`${length} NOT BETWEEN ${raw(String(rule.low))} AND ${raw(String(rule.high))}`,
        expected: `${what} ${field.list ? 'elements' : 'characters'}`,
        message: `has not ${what} ${field.list ? 'elements' : 'characters'}`,
      };
    }
    case 'references': {
      const there = sql`_r.${identifier(rule.field)}`;
      return {
        failing: sql`${value} IS NOT NULL AND NOT EXISTS (SELECT FROM ${identifier('data', rule.dataset)} AS _r WHERE ${there} = ${value})`,
        expected: `is in ${rule.dataset}.${rule.field}`,
        message: `is not in ${rule.dataset}.${rule.field}`,
        dimension: 'consistency',
      };
    }
  }
}

function asText(field: Field, value: Sql): Sql {
  return field.type === 'text' && !field.list ? value : sql`${value}::text`;
}

function bound(field: Field, text: string): Sql {
  const type = raw(columnType(field));
  // The day and the moment of the check, not of the statement that was compiled.
  if (text === 'today') return sql`current_date::${type}`;
  if (text === 'now') return sql`now()::${type}`;
  return sql`${literal(text)}::${type}`;
}
