import { createHmac } from 'node:crypto';
import type { ScalarType } from '../../../src/catalog/index.js';
import { parseDecimal, roundedTo, scaled } from './decimal.js';
import { type Cell, type FieldModel, type Mask, textOf } from './model.js';
import { isInfinite } from './scalars.js';
import { cutTo } from './truncation.js';

/** The key of a scope of the mask `hash`. */
export type KeyOf = (scope: string) => Buffer;

const REDACTED: Readonly<Record<ScalarType, Cell>> = {
  text: '***',
  integer: 0,
  bigint: 0n,
  decimal: '0',
  float: 0,
  boolean: false,
  date: '1970-01-01',
  timestamp: '1970-01-01T00:00:00.000000',
  time: '00:00:00.000000',
  uuid: '00000000-0000-0000-0000-000000000000',
  json: {},
};

/** What docs/masks.md says, value by value. */
export function masked(mask: Mask, field: FieldModel, dataset: string, cell: Cell, keyOf: KeyOf): Cell {
  if (mask.mask === 'redact') return field.list ? [] : REDACTED[field.type];
  if (mask.mask === 'nullify' || cell === null) return null;
  switch (mask.mask) {
    case 'hash':
      return createHmac('sha256', keyOf(mask.scope ?? `${dataset}.${field.name}`))
        .update(cell as string)
        .digest('hex');
    case 'tokenize':
      return `tok_${createHmac('sha256', keyOf(`token/${mask.scope ?? `${dataset}.${field.name}`}`))
        .update(cell as string)
        .digest('hex')
        .slice(0, 32)}`;
    case 'range':
      return range(Number(mask.step), cell as string);
    case 'partial':
      return partial(mask, cell as string);
    case 'email':
      return email(cell as string);
    case 'year':
      return isInfinite(cell) ? cell : cutTo('YEAR', field.type, cell as string);
    case 'truncate':
      return isInfinite(cell) ? cell : cutTo(mask.to.toUpperCase() as 'MONTH' | 'DAY' | 'HOUR', field.type, cell as string);
    case 'round':
      return round(mask.step, field.type, cell);
  }
}

function partial({ first, last, with: filler }: Extract<Mask, { mask: 'partial' }>, text: string): string {
  const characters = Array.from(text);
  const hidden = filler.repeat(3);
  if (first + last === 0 || characters.length < 2 * (first + last)) return hidden;
  return characters.slice(0, first).join('') + hidden + (last > 0 ? characters.slice(-last).join('') : '');
}

function email(text: string): string {
  const [, local = '', domain = ''] = /^([^@\s]+)@([^@\s:/?#]+)$/u.exec(text) ?? [];
  if (!domain) return '***';
  const characters = Array.from(local);
  return `${characters.length > 1 ? characters[0] : ''}***@${domain}`;
}

/** For whole steps, and the numbers of the samples. */
function range(step: number, text: string): string {
  if (!/^-?\d+(\.\d+)?$/.test(text)) return '***';
  const low = Math.floor(Number(text) / step) * step;
  return `${low}-${low + step - 1}`;
}

const LARGEST = { integer: 2n ** 31n - 1n, bigint: 2n ** 63n - 1n };

function round(step: string, type: ScalarType, cell: Cell): Cell {
  if (type === 'decimal') return roundedTo(step, cell as string);
  if (type === 'float') return Number.isFinite(cell) && Math.abs(cell as number) < 1e15 ? Number(roundedTo(step, textOf(cell))) : cell;
  const by = BigInt(step);
  const largest = LARGEST[type as 'integer' | 'bigint'];
  const nearest = integerOf(roundedTo(step, textOf(cell)));
  const within = nearest > largest ? (largest / by) * by : nearest < -largest - 1n ? ((-largest - 1n) / by) * by : nearest;
  return type === 'integer' ? Number(within) : within;
}

function integerOf(text: string): bigint {
  const number = parseDecimal(text);
  if (typeof number === 'string') throw new Error(`no whole number: ${text}`);
  return scaled(number, 0);
}
