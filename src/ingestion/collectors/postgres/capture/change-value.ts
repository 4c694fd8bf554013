import pg from 'pg';
import type { ChangedValue } from '../../../../sources/index.js';
import type { CollectedField } from '../remote-rows.js';

/** Types whose values are JSON as they are written. */
const BARE: ReadonlySet<string> = new Set(['int2', 'int4', 'int8', 'bool']);

/** As it is; its types tell of another version. */
const ARRAYS = pg.types.arrayParser as unknown as { create(text: string, each: (text: string) => string): { parse(): (string | null)[] } };

/** A changed value as JSON, in the form in which a copy of the table has it; undefined for one that was not sent. */
export function jsonOf({ field, column }: CollectedField, value: ChangedValue): string | undefined {
  if (value === undefined) return undefined;
  if (value === null) return 'null';
  if (field.list) {
    const elements = ARRAYS.create(value, (text) => elementOf(column.type, text)).parse();
    return `[${elements.map((element) => element ?? 'null').join(',')}]`;
  }
  return field.type === 'json' ? value.replaceAll(/[\r\n]/g, ' ') : JSON.stringify(textOf(column.type, value));
}

function elementOf(type: string, text: string): string {
  if (type === 'json' || type === 'jsonb') return text;
  return BARE.has(type) ? textOf(type, text) : JSON.stringify(textOf(type, text));
}

/** What a cast makes of a value that is sent in another form. */
export function textOf(type: string, text: string): string {
  if (type === 'bool') return text === 't' ? 'true' : 'false';
  if (type === 'bpchar') return text.replace(/ +$/, '');
  if (type === 'float4') return /^-?[\d.e+-]+$/i.test(text) ? String(Math.fround(Number(text))) : text;
  if (type === 'inet' && !text.includes('/')) return `${text}/${text.includes(':') ? 128 : 32}`;
  return text;
}
