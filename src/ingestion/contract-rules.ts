import type { Dataset, Field } from '../catalog/index.js';
import { rowRulePredicates, uniqueRules, type ColumnOf } from '../quality/index.js';
import { identifier, literal, raw, sql, type Sql } from '../sql/index.js';
import { ENVELOPE_PATTERN, MOST_VALUE_BYTES } from '../vault/index.js';
import { expectation } from './field-input.js';
import type { Reason } from './outcome.js';

/** Something that puts a row into quarantine; the tables of a load name it by its place in the list. */
export interface RowCheck {
  readonly reason: Reason;
  /** Over the table of landed rows as `l`; undefined for what is found in another way. */
  readonly failing?: Sql;
}

/** Every reason for which a row of one dataset may be refused, in a fixed order. */
export class ContractRules {
  readonly checks: readonly RowCheck[];
  /** Places in `checks`. */
  readonly typeOf: ReadonlyMap<string, number>;
  readonly key: number;
  readonly keyTwice: number;
  readonly notAnObject: number;
  /** A value in a column that the contract does not have. */
  readonly drift: number;
  readonly unique: readonly { readonly place: number; readonly fields: readonly string[] }[];

  constructor(dataset: Dataset) {
    const checks: RowCheck[] = [];
    const add = (check: RowCheck) => checks.push(check) - 1;
    this.typeOf = new Map(
      dataset.fields.map((field) => [field.name, add({ reason: { field: field.name, rule: 'type', message: `expected ${expectation(field)}` } })]),
    );
    this.notAnObject = add({ reason: { field: null, rule: 'json', message: 'expected a JSON object' } });
    this.drift = add({ reason: { field: null, rule: 'drift', message: 'has a value in a column that is not in the contract' } });
    this.key = add({ reason: { field: null, rule: 'key', message: 'a row with this key and other content is in the dataset' } });
    this.keyTwice = add({ reason: { field: null, rule: 'key', message: 'an earlier row of the file has this key and other content' } });
    const invalid = (name: string) => sql`l._bad @> ARRAY[${place(this.typeOf.get(name))}]`;
    for (const field of dataset.fields) {
      const failing = notFinite(field, landedColumn(field.name));
      if (failing) add({ reason: { field: field.name, rule: 'finite', message: 'is not a finite number' }, failing });
    }
    for (const { name } of dataset.fields.filter(({ encrypted }) => encrypted)) {
      const failing = sql`(${landedColumn(name)} IS NOT NULL AND ${landedColumn(name)} !~ ${literal(ENVELOPE_PATTERN)})`;
      add({ reason: { field: name, rule: 'type', message: `expected a text of at most ${MOST_VALUE_BYTES} bytes` }, failing });
    }
    for (const rule of rowRulePredicates(dataset, landedColumn)) {
      if (rule.severity !== 'error') continue;
      // A value that could not be read is not missing; the row that is not an object has its own reason.
      const failing =
        rule.kind === 'required' && rule.field !== undefined
          ? sql`(${rule.failing} AND (l._bad IS NULL OR NOT (${invalid(rule.field)} OR l._bad @> ARRAY[${place(this.notAnObject)}])))`
          : rule.failing;
      add({ reason: { field: rule.field ?? null, rule: rule.kind === 'check' ? rule.name : rule.kind, message: rule.message }, failing });
    }
    this.unique = uniqueRules(dataset)
      .filter(({ severity, fields }) => severity === 'error' && !(dataset.key.length > 0 && dataset.key.every((name) => fields.includes(name))))
      .map(({ name, fields }) => {
        const field = name.endsWith('.unique') && fields.length === 1 ? (fields[0] ?? null) : null;
        return {
          fields,
          place: add({ reason: { field, rule: field === null ? name : 'unique', message: `${fields.join(', ')}: the same values are in another row` } }),
        };
      });
    this.checks = checks;
  }
}

export const landedColumn: ColumnOf = (name) => sql`l.${identifier(name)}`;

/** A place as SQL of the type in which places are kept. */
export function place(index: number | undefined): Sql {
  return raw(`${index ?? -1}::smallint`);
}

function notFinite({ type, list }: Field, value: Sql): Sql | undefined {
  if (type !== 'decimal' && type !== 'float') return undefined;
  const infinity = raw(`'Infinity'::${type === 'decimal' ? 'numeric' : 'float8'}`);
  // In PostgreSQL's order NaN comes after all.
  const test = (number: Sql) => sql`(${number} >= ${infinity} OR ${number} <= -${infinity})`;
  return list ? sql`EXISTS (SELECT FROM unnest(${value}) AS _e(_v) WHERE ${test(raw('_e._v'))})` : test(value);
}
