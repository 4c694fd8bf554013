import { HeadgateError } from '../../../../kernel/index.js';
import type { ChangedValue } from '../../../../sources/index.js';
import type { CapturedChanges, KeyTexts } from '../../../captured-changes.js';
import type { CollectedField } from '../remote-rows.js';
import { jsonOf, textOf } from './change-value.js';

/** A row as it is after the changes so far: its values as JSON, undefined for one that was not sent; or null when it is deleted. */
interface Pending {
  readonly key: KeyTexts;
  readonly row: readonly (string | undefined)[] | null;
  /** The key of the row that has the values which were not sent. */
  readonly base: KeyTexts;
}

/** Values of a row by the columns of the table. */
export type ColumnValues = ReadonlyMap<string, ChangedValue>;

/** What several changes make of the rows that they touch: the last of each key counts. */
export class ChangeBatch {
  readonly #fields: readonly CollectedField[];
  readonly #keyFields: readonly CollectedField[];
  readonly #pending = new Map<string, Pending>();
  #truncated = false;
  #changes = 0;
  #bytes = 0;

  constructor(fields: readonly CollectedField[], key: readonly string[]) {
    this.#fields = fields;
    this.#keyFields = key.flatMap((name) => fields.filter(({ field }) => field.name === name));
  }

  get changes(): number {
    return this.#changes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  insert(values: ColumnValues): void {
    this.#put(this.#keyOf(values), { row: this.#rowOf(values), base: undefined });
  }

  /** @param before what identified the row, when that changed; or all that it was, when the whole row is its identity */
  update(values: ColumnValues, before: ColumnValues | undefined, isWhole: boolean): void {
    const key = this.#keyOf(values, before);
    const oldKey = before ? this.#keyOf(before) : key;
    const known = this.#pending.get(nameOf(oldKey));
    const earlier = known ? known.row : before && isWhole ? this.#rowOf(before) : undefined;
    const row = this.#rowOf(values).map((value, i) => value ?? earlier?.[i]);
    if (nameOf(oldKey) !== nameOf(key)) this.#put(oldKey, { row: null, base: undefined });
    this.#put(key, { row, base: known?.base ?? oldKey });
  }

  delete(before: ColumnValues): void {
    this.#put(this.#keyOf(before), { row: null, base: undefined });
  }

  truncate(): void {
    this.#pending.clear();
    this.#truncated = true;
    this.#changes += 1;
  }

  /** For a load: rows as NDJSON, and what the changes do beside them. */
  content(): { readonly content: string; readonly changes: CapturedChanges } {
    const lines: string[] = [];
    const removed: KeyTexts[] = [];
    const unchanged: CapturedChanges['unchanged'][number][] = [];
    for (const { key, row, base } of this.#pending.values()) {
      if (!row) {
        removed.push(key);
        continue;
      }
      const open = this.#fields.filter((_, i) => row[i] === undefined).map(({ field }) => field.name);
      const members = this.#fields.flatMap(({ field }, i) => (row[i] === undefined ? [] : [`${JSON.stringify(field.name)}:${row[i]}`]));
      lines.push(`{${members.join(',')}}\n`);
      if (open.length > 0) unchanged.push({ line: lines.length, key: base, fields: open });
    }
    // A line without a row: changes that only take away are content too.
    return { content: lines.length === 0 ? '\n' : lines.join(''), changes: { truncated: this.#truncated, removed, unchanged } };
  }

  #put(key: KeyTexts, { row, base }: { row: Pending['row']; base: KeyTexts | undefined }): void {
    const name = nameOf(key);
    // The order in which keys came last: a later row may only fit once an earlier one has moved.
    this.#pending.delete(name);
    this.#pending.set(name, { key, row, base: base ?? key });
    this.#changes += 1;
    this.#bytes += name.length + (row ?? []).reduce((sum, value) => sum + (value?.length ?? 0), 0);
  }

  #rowOf(values: ColumnValues): (string | undefined)[] {
    return this.#fields.map((field) => jsonOf(field, values.get(field.column.name)));
  }

  #keyOf(values: ColumnValues, otherwise?: ColumnValues): KeyTexts {
    return this.#keyFields.map(({ column }) => {
      const value = values.get(column.name) ?? otherwise?.get(column.name);
      if (value === undefined)
        throw new HeadgateError('CONTRACT_VIOLATION', `A change of the table does not tell its column "${column.name}", which is of the key.`);
      return value === null ? null : textOf(column.type, value);
    });
  }
}

function nameOf(key: KeyTexts): string {
  return JSON.stringify(key);
}
