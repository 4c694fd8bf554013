import { isHeadgateError, messageOf } from '../kernel/index.js';
import { compileExpression, type Expression, identifier, join, param, prepareParser, raw, render, sql, type Sql } from '../sql/index.js';
import type { Transaction } from '../store/index.js';
import { columnsOf } from './catalog-checks.js';
import type { Fail } from './manifest-kind.js';
import { columnType, type Dataset, type Field, type FieldRule } from './model.js';
import { tableOf } from './table.js';

type At = readonly (string | number)[];

/** Bounds that are the moment of the check. */
const MOMENTS = ['today', 'now'];

/** What PostgreSQL alone can tell: whether patterns, bounds and conditions are what it takes them for. The table is there already. */
export async function checkInDatabase(tx: Transaction, dataset: Dataset, fail: Fail): Promise<void> {
  await checkValues(tx, dataset, fail);
  await checkPatterns(tx, dataset, fail);
  if (!dataset.source) await checkConditions(tx, dataset, fail);
}

async function checkValues(tx: Transaction, dataset: Dataset, fail: Fail): Promise<void> {
  const values = [...rulesOf(dataset).flatMap(({ field, rule, at }) => valuesOf(field, rule, at)), ...defaultsOf(dataset)];
  if (values.length === 0) return;
  const wrong = await tx.query<{ i: number }>(
    'SELECT i::int - 1 AS i FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS v (value, type, i) WHERE NOT pg_input_is_valid(value, type) ORDER BY i LIMIT 1',
    [values.map(({ value }) => value), values.map(({ type }) => type)],
  );
  const first = values[wrong[0]?.i ?? -1];
  if (first) fail(first.at, `"${first.value}" is not a value of ${first.field.name}, which is ${first.field.type}`);
  await checkOrder(tx, dataset, fail);
}

function isMoment({ type }: Field, value: string): boolean {
  return MOMENTS.includes(value) && (type === 'date' || type === 'timestamp');
}

function defaultsOf({ fields }: Dataset) {
  return fields.flatMap((field, i) =>
    field.default === undefined || isMoment(field, field.default)
      ? []
      : [{ value: field.default, type: columnType(field), field, at: ['fields', i, 'default'] }],
  );
}

function valuesOf(field: Field, rule: FieldRule, at: At) {
  const type = columnType(field);
  const value = (text: string, key: string, i: number) => (isMoment(field, text) ? [] : [{ value: text, type, field, at: [...at, key, i] }]);
  if (rule.kind === 'between') return [...value(rule.low, 'between', 0), ...value(rule.high, 'between', 1)];
  return rule.kind === 'in' ? rule.values.flatMap((text, i) => value(text, 'in', i)) : [];
}

/** Bounds the wrong way round would let nothing pass. */
async function checkOrder(tx: Transaction, dataset: Dataset, fail: Fail): Promise<void> {
  const ranges = rulesOf(dataset).flatMap(({ field, rule, at }) => {
    if (rule.kind !== 'between' || MOMENTS.includes(rule.low) || MOMENTS.includes(rule.high)) return [];
    const type = columnType(field);
    const collation = raw(field.type === 'text' ? ' COLLATE "C"' : '');
    return [{ field, at, test: sql`(${param(rule.low, type)} <= ${param(rule.high, type)}${collation})` }];
  });
  if (ranges.length === 0) return;
  const { text, values } = render(sql`SELECT ARRAY[${join(ranges.map(({ test }): Sql => test))}] AS ordered`);
  const [row] = await tx.query<{ ordered: (boolean | null)[] }>(text, values);
  const first = ranges.find((_, i) => row?.ordered[i] !== true);
  if (first) fail([...first.at, 'between'], `the low bound of ${first.field.name} is above the high one, so no value would pass; write [low, high]`);
}

async function checkPatterns(tx: Transaction, dataset: Dataset, fail: Fail): Promise<void> {
  const patterns = rulesOf(dataset).flatMap(({ rule, at }) => (rule.kind === 'matches' ? [{ pattern: rule.pattern, at }] : []));
  // One statement for all when all are right, which is nearly always.
  if (patterns.length === 0 || !(await refusal(tx, "SELECT '' ~ p FROM unnest($1::text[]) AS p", [patterns.map(({ pattern }) => pattern)]))) return;
  for (const { pattern, at } of patterns) {
    const reason = await refusal(tx, "SELECT '' ~ $1::text", [pattern]);
    if (reason) fail([...at, 'matches'], `this is not a POSIX regular expression: ${reason}`);
  }
}

async function checkConditions(tx: Transaction, dataset: Dataset, fail: Fail): Promise<void> {
  for (const [i, rule] of dataset.rules.entries()) {
    if (rule.kind !== 'check') continue;
    const at = ['rules', i, 'check'];
    const condition = await compileCondition(rule.expression, dataset, (reason) => fail(at, reason));
    const { schema, name } = tableOf(dataset);
    // Planned over the table, and run on no row of it.
    const { text, values } = render(sql`SELECT 1 FROM ${identifier(schema, name)} WHERE ${condition} LIMIT 0`);
    const reason = await refusal(tx, text, values);
    if (reason) fail(at, `this is not a condition over the fields of ${dataset.name}: ${reason}`);
  }
}

async function compileCondition(expression: string, dataset: Dataset, refuse: (reason: string) => never): Promise<Sql> {
  await prepareParser();
  let compiled: Expression;
  try {
    compiled = compileExpression(expression, { columns: columnsOf(dataset) });
  } catch (error) {
    if (isHeadgateError(error)) return refuse(error.message);
    throw error;
  }
  const encrypted = dataset.fields.find((field) => field.encrypted && compiled.columns.includes(field.name));
  if (encrypted) return refuse(`${encrypted.name} is encrypted, and the database can't read it`);
  return compiled.toSql({ column: (name) => identifier(name) });
}

/** PostgreSQL's reason for not running a statement; undefined when it runs. The transaction goes on in both cases. */
async function refusal(tx: Transaction, text: string, values: readonly unknown[]): Promise<string | undefined> {
  await tx.query('SAVEPOINT ask');
  try {
    await tx.query(text, values);
    await tx.query('RELEASE SAVEPOINT ask');
    return undefined;
  } catch (error) {
    await tx.query('ROLLBACK TO SAVEPOINT ask');
    return messageOf(error);
  }
}

function rulesOf(dataset: Dataset): { readonly field: Field; readonly rule: FieldRule; readonly at: At }[] {
  return dataset.fields.flatMap((field, i) => field.rules.map((rule, j) => ({ field, rule, at: ['fields', i, 'rules', j] })));
}
