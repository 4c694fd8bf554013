import { ISO_PATTERNS, type Field } from '../../catalog/index.js';
import { isRawNumber } from '../../kernel/index.js';

/** PostgreSQL's words for what is before and after all others are data as well: a source that is another PostgreSQL has them. */
const ISO: Readonly<Partial<Record<Field['type'], RegExp>>> = {
  date: new RegExp(`${ISO_PATTERNS.date}|^-?infinity$`),
  time: new RegExp(ISO_PATTERNS.time),
  timestamp: new RegExp(`${ISO_PATTERNS.timestamp}|^-?infinity$`),
};

/** Deeper nesting than this is not data that anyone wrote; PostgreSQL's own parser would end at its stack. */
const DEEPEST = 512;

/**
 * A value of JSON as the text that PostgreSQL reads as the field's type; null for none, undefined for one that the type can't
 * hold as far as can be seen here. The rest of it is seen by PostgreSQL, which reads such a text as null.
 */
export function cellOf(field: Pick<Field, 'type' | 'list'>, value: unknown): string | null | undefined {
  if (value === undefined || value === null) return null;
  if (!field.list) return scalarText(field.type, value);
  if (!Array.isArray(value)) return undefined;
  const elements = value.map((element: unknown) => (element === null ? null : scalarText(field.type, element)));
  if (elements.includes(undefined)) return undefined;
  return `{${elements.map((text) => (text === null || text === undefined ? 'NULL' : quoted(text))).join(',')}}`;
}

function scalarText(type: Field['type'], value: unknown): string | undefined {
  if (type === 'json') return isDeeper(value, DEEPEST) ? undefined : JSON.stringify(value);
  const text = textOf(type, value);
  // No text of PostgreSQL has a NUL or half of a pair in it.
  if (text === undefined || text.includes('\0') || !text.isWellFormed()) return undefined;
  return ISO[type]?.test(text) === false ? undefined : text;
}

function textOf(type: Field['type'], value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'number') return String(value);
  if (!isRawNumber(value)) return undefined;
  // A whole number with an exponent or a fraction of zeros.
  const whole = Number(value.rawJSON);
  return (type === 'integer' || type === 'bigint') && Number.isSafeInteger(whole) ? String(whole) : value.rawJSON;
}

function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null || isRawNumber(value)) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1));
}
