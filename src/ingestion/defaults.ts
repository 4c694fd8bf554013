import { columnType, type Field } from '../catalog/index.js';
import { identifier, join, literal, raw, sql, type Sql } from '../sql/index.js';
import { place } from './contract-rules.js';
import type { LandingJob } from './landing.js';
import { LANDED, run } from './work-tables.js';

/** Puts the default of each field that has one where a row brought nothing. A value that could not be read is not nothing. */
export async function fillDefaults({ tx, dataset, rules }: Pick<LandingJob, 'tx' | 'dataset' | 'rules'>): Promise<void> {
  const filled = dataset.fields.flatMap((field) => {
    const value = defaultOf(field);
    if (value === undefined) return [];
    const name = identifier(field.name);
    const isEmpty = sql`(${name} IS NULL AND (_bad @> ARRAY[${place(rules.typeOf.get(field.name))}]) IS NOT TRUE)`;
    return [{ isEmpty, set: sql`${name} = CASE WHEN ${isEmpty} THEN ${value} ELSE ${name} END` }];
  });
  if (filled.length === 0) return;
  const any = join(
    filled.map(({ isEmpty }) => isEmpty),
    ' OR ',
  );
  await run(tx, sql`UPDATE ${LANDED} SET ${join(filled.map(({ set }) => set))} WHERE ${any}`);
}

function defaultOf(field: Field): Sql | undefined {
  const text = field.default;
  if (text === undefined) return undefined;
  const type = raw(columnType(field));
  const isMoment = field.type === 'date' || field.type === 'timestamp';
  // Sessions have the time zone UTC, so that this is the day there.
  if (isMoment && text === 'today') return sql`current_date::${type}`;
  if (isMoment && text === 'now') return sql`now()::${type}`;
  return sql`${literal(text)}::${type}`;
}
