import { identifier, raw, sql, type Sql } from '../sql/index.js';
import { toField, type DatasetSpec } from './dataset-spec.js';
import { splitType } from './dataset-meaning.js';
import type { FieldShape } from './field-spec.js';
import { columnType, type ScalarType } from './model.js';
import { columnDefinition, sameList, typeDefinition } from './table.js';

/** What a change of contract means for a table that has rows. */
export interface ContractChange {
  /** Actions of one ALTER TABLE, key aside. */
  readonly alterations: readonly Sql[];
  /** Fields that were optional: each row must have a value. */
  readonly newlyRequired: readonly string[];
  readonly keyChanged: boolean;
  /** What rows that are there forbid; an empty table is made anew instead. */
  readonly blockers: readonly { readonly path: readonly (string | number)[]; readonly message: string }[];
}

/** The types whose every value another type holds too, and means the same. What is scalar can always become text. */
const WIDER: Readonly<Partial<Record<ScalarType, readonly ScalarType[]>>> = {
  integer: ['bigint', 'decimal', 'float', 'text'],
  bigint: ['decimal', 'text'],
  decimal: ['text'],
  float: ['text'],
  boolean: ['text'],
  date: ['text'],
  timestamp: ['text'],
  time: ['text'],
  uuid: ['text'],
  json: ['text'],
};

/** Where a contract follows what is loaded, a day may become the moment at which it begins: values of both kinds came. */
const FOLLOWED: typeof WIDER = { date: ['timestamp'] };

/** @param follows it is a load that asks for it, under `drift: evolve` */
export function contractChange(before: DatasetSpec, after: DatasetSpec, follows = false): ContractChange {
  const alterations: Sql[] = [];
  const newlyRequired: string[] = [];
  const blockers: { path: (string | number)[]; message: string }[] = [];
  const old = new Map(before.fields.map((field) => [field.name, field]));
  after.fields.forEach((field, i) => {
    const previous = old.get(field.name);
    const path = ['fields', i];
    if (!previous) {
      if (field.required)
        blockers.push({
          path: [...path, 'required'],
          message: `${field.name} is new and required, and the rows that are there have no value for it. Add it without "required", load the values, then require it`,
        });
      else alterations.push(sql`ADD COLUMN ${columnDefinition(toField(field))}`);
      return;
    }
    if (previous.type !== field.type) {
      if (isWider(previous, field, follows)) alterations.push(changeType(field, previous));
      else
        blockers.push({
          path: [...path, 'type'],
          message: `${field.name} can't change from ${previous.type} to ${field.type}: values could be lost or change their meaning. Add a field of another name, or delete the dataset and load it again`,
        });
    }
    if (previous.encrypted !== field.encrypted) {
      const how = field.encrypted ? 'plain, and copies of them stay in the database' : 'encrypted';
      blockers.push({
        path: [...path, 'encrypted'],
        message: `${field.name} can't become ${field.encrypted ? 'encrypted' : 'plain'}: the rows that are there have values which are ${how}. Add a field of another name, or delete the dataset and load it again`,
      });
    }
    const wasRequired = previous.required ?? false;
    if (field.required && !wasRequired) {
      newlyRequired.push(field.name);
      alterations.push(sql`ALTER COLUMN ${identifier(field.name)} SET NOT NULL`);
    }
    if (!field.required && wasRequired) alterations.push(sql`ALTER COLUMN ${identifier(field.name)} DROP NOT NULL`);
  });
  for (const name of old.keys()) {
    if (!after.fields.some((field) => field.name === name))
      blockers.push({
        path: ['fields'],
        message: `the field ${name} is gone, and the rows that are there have values in it. Keep it and mark it "deprecated", or delete the dataset`,
      });
  }
  const encrypted = after.fields.find((field) => field.encrypted);
  if (encrypted && before.subject !== after.subject) {
    const message = `the rows that are there have values of ${encrypted.name} which are encrypted for their subject by ${before.subject ?? 'no field'}, so the subject can't change. Delete the dataset and load it again`;
    blockers.push({ path: ['subject'], message });
  }
  return { alterations, newlyRequired, keyChanged: !sameList(before.key ?? [], after.key ?? []), blockers };
}

function isWider(before: FieldShape, after: FieldShape, follows: boolean): boolean {
  const [from, to] = [splitType(before.type), splitType(after.type)];
  const wider = [...(WIDER[from.type] ?? []), ...(follows ? (FOLLOWED[from.type] ?? []) : [])];
  return from.list === to.list && wider.includes(to.type);
}

function changeType(field: FieldShape, before: FieldShape): Sql {
  const name = identifier(field.name);
  // A day is the moment at which it begins, in UTC, whatever the session's time zone.
  if (before.type === 'date' && field.type === 'timestamp') return sql`ALTER COLUMN ${name} TYPE timestamptz USING ${name}::timestamp AT TIME ZONE 'UTC'`;
  return sql`ALTER COLUMN ${name} TYPE ${typeDefinition(toField(field))} USING ${name}::${raw(columnType(splitType(field.type)))}`;
}
