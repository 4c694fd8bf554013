import type { ScalarType } from '../../../src/catalog/index.js';
import { compareDecimals } from './decimal.js';
import { type Cell, type FieldModel, textOf } from './model.js';

type Type = Pick<FieldModel, 'type' | 'list'>;

/** A JSON value in an answer, whose keys PostgreSQL has in an order of its own. */
export class JsonInAnswer {
  readonly value: unknown;
  constructor(value: unknown) {
    this.value = value;
  }
}

/** The order of two values that are not null, as PostgreSQL has it: text by code point, NaN above infinity. */
export function compare(type: ScalarType, a: Cell, b: Cell): number {
  switch (type) {
    case 'text':
    case 'uuid':
      return Buffer.compare(Buffer.from(a as string), Buffer.from(b as string));
    case 'decimal':
      return compareDecimals(a as string, b as string);
    case 'float':
      return Number.isNaN(a) || Number.isNaN(b) ? Number(Number.isNaN(a)) - Number(Number.isNaN(b)) : sign(a as number, b as number);
    case 'json':
      throw new Error('json has no order');
    default:
      // Times are in a form in which texts sort as they do, infinities included.
      return sign(a as number, b as number);
  }
}

function sign<T extends string | number | bigint>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Equal as PostgreSQL has it, with neither of them null. */
export function same(type: ScalarType, a: Cell, b: Cell): boolean {
  return compare(type, a, b) === 0;
}

/** As the value stands in an answer. */
export function wire({ type, list }: Type, cell: Cell): unknown {
  if (cell === null) return null;
  return list ? (cell as Cell[]).map((element) => wire({ type, list: false }, element)) : scalarWire(type, cell);
}

function scalarWire(type: ScalarType, cell: Cell): unknown {
  switch (type) {
    case 'bigint':
      return textOf(cell);
    case 'decimal':
      return /^-?\d/.test(cell as string) ? cell : null;
    case 'float':
      return Number.isFinite(cell) ? cell : null;
    case 'date':
      return isInfinite(cell) ? null : cell;
    case 'timestamp':
      return isInfinite(cell) ? null : `${withoutZeros(cell as string)}+00:00`;
    case 'time':
      return withoutZeros(cell as string);
    case 'json':
      return new JsonInAnswer(cell);
    default:
      return cell;
  }
}

export function isInfinite(cell: Cell): boolean {
  return cell === 'infinity' || cell === '-infinity';
}

/** `00:47:00.250000` -> `00:47:00.25` */
function withoutZeros(text: string): string {
  return text.replace(/\.?0+$/, '');
}

/** An argument's value, as graphql-js coerced it, as a cell. */
export function operand(type: ScalarType, given: unknown): Cell {
  switch (type) {
    case 'bigint':
      return BigInt(given as string);
    case 'decimal':
      return String(given);
    case 'timestamp':
      return moment(given as string);
    case 'time':
      return `${(given as string).split('.')[0]}.${((given as string).split('.')[1] ?? '').padEnd(6, '0')}`;
    default:
      return given as Cell;
  }
}

/** RFC 3339 with an offset, in UTC with six digits behind the second. */
function moment(text: string): string {
  const [, base = '', fraction = '', offset = ''] = /^(.{19})(?:\.(\d+))?(Z|[+-].*)$/.exec(text) ?? [];
  return `${new Date(`${base}${offset}`).toISOString().slice(0, 19)}.${fraction.padEnd(6, '0')}`;
}

/** As a text that PostgreSQL reads as a value of the column. */
export function literalText({ type, list }: Type, cell: Cell): string | null {
  if (cell === null) return null;
  if (list) {
    const elements = (cell as Cell[]).map((element) => {
      const text = literalText({ type, list: false }, element);
      return text === null ? 'NULL' : `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
    });
    return `{${elements.join(',')}}`;
  }
  if (type === 'json') return JSON.stringify(cell);
  return type === 'timestamp' && !isInfinite(cell) ? `${cell as string}+00` : textOf(cell);
}
