import { columnType, type ApplyContext, type Dataset, type Fail, type Field } from '../catalog/index.js';
import { isHeadgateError } from '../kernel/index.js';
import { identifier, raw, render, sql, type Expression } from '../sql/index.js';
import { columnsOf } from './columns.js';
import { effectOn, effectsOf } from './effects.js';
import type { GrantSpec } from './grant.js';
import { isBare, sqlMaskExpression, type SqlMask } from './mask.js';
import { columnsAlone, tried } from './trial.js';

const PROBE = identifier('pg_temp', 'headgate_probe');

/**
 * The masks that are expressions. One may read its own field, and others that the grant shows plain; any other would be told by what it
 * gives. It must be of the field's type and immutable: a value that changes by itself tells the moment, and one that depends on
 * the session another thing to each.
 */
export async function checkExpressions(spec: GrantSpec, datasets: readonly Dataset[], context: ApplyContext, fail: Fail): Promise<void> {
  for (const dataset of datasets) {
    const effects = effectsOf(spec, dataset);
    for (const field of dataset.fields) {
      const mask = effectOn(spec, field);
      if (mask?.kind !== 'sql') continue;
      const name = `${dataset.name}.${field.name}`;
      const failHere = (message: string): never => fail(placeOf(spec, field), message);
      const expression = compile(mask, name, dataset, failHere);
      if (isBare(expression, field)) failHere(`The mask of ${name} is the field itself, which would show it as it is. Say allow if that is meant.`);
      const told = expression.columns.filter((column) => column !== field.name && effects.get(column)?.kind !== 'allow' && !spec.discloses?.includes(column));
      if (told.length > 0)
        failHere(
          `The mask of ${name} reads ${told.join(', ')}, which the grant does not show plain, so it tells something about ${told.length > 1 ? 'them' : 'it'}. Allow ${told.length > 1 ? 'these fields' : 'the field'}, or say that you accept it: discloses: [${told.join(', ')}].`,
        );
      const problem = await problemOf(expression, field, dataset, context);
      if (problem !== undefined) failHere(`The mask of ${name} ${problem}`);
      if (!expression.isTotal)
        context.warn(
          `The mask of ${name} in grant ${spec.name} may raise an error on some row; then all reads of the field under this grant fail. They look at every row besides, so that the error tells nothing. If you can, do without arithmetic and casts.`,
        );
    }
  }
}

function placeOf({ fields }: GrantSpec, { name }: Field): string[] {
  return name in fields ? ['fields', name] : ['fields'];
}

function compile(mask: SqlMask, name: string, dataset: Dataset, fail: (message: string) => never): Expression {
  try {
    const expression = sqlMaskExpression(mask, columnsOf(dataset));
    if (expression.usesTime) fail(`The mask of ${name} depends on the moment. It must give the same for the same row at any time.`);
    return expression;
  } catch (error) {
    if (isHeadgateError(error) && error.details['position'] !== undefined) return fail(`${name}: ${error.message}`);
    throw error;
  }
}

/** PostgreSQL itself tells the type, and takes only what is immutable for a column that is generated. No row is looked at. */
async function problemOf(expression: Expression, field: Field, dataset: Dataset, { tx }: ApplyContext): Promise<string | undefined> {
  const value = expression.toSql({ column: (column) => identifier(column) });
  const expected = columnType(field);
  let actual: string | undefined;
  const wrong = await tried(tx, async () => {
    await tx.query(render(sql`CREATE TEMP TABLE ${PROBE} AS SELECT ${value} AS value FROM ${columnsAlone(dataset)} WITH NO DATA`).text);
    const [found] = await tx.query<{ type: string }>(
      "SELECT format_type(atttypid, NULL) AS type FROM pg_attribute WHERE attrelid = 'pg_temp.headgate_probe'::regclass AND attnum = 1",
    );
    actual = found?.type;
  });
  if (wrong !== undefined) return `is not an expression over ${dataset.name}: ${wrong}.`;
  const names: Readonly<Record<string, string>> = { timestamptz: 'timestamp with time zone', time: 'time without time zone' };
  const type = expected.replace(/^[a-z]+/, (base) => names[base] ?? base);
  if (actual !== type) return `gives ${actual}, and the field is ${type}. Cast it: CAST(... AS ${expected}).`;
  const varying = await tried(tx, async () => {
    await tx.query(render(sql`CREATE TEMP TABLE ${PROBE} AS SELECT * FROM ${columnsAlone(dataset)} WITH NO DATA`).text);
    await tx.query(render(sql`ALTER TABLE ${PROBE} ADD COLUMN _value ${raw(expected)} GENERATED ALWAYS AS (${value}) STORED`).text);
  });
  if (varying === undefined) return undefined;
  return `is not immutable: ${varying}. Use functions whose value depends on what they are given alone, such as date_trunc('day', timezone('UTC', at)).`;
}
