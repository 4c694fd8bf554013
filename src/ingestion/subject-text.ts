import type { Field } from '../catalog/index.js';

const LEAST: Readonly<Record<'integer' | 'bigint', bigint>> = { integer: -(2n ** 31n), bigint: -(2n ** 63n) };

/** White space as PostgreSQL's input of numbers leaves it out. */
const SPACE = '[ \\t\\n\\v\\f\\r]*';
const NUMBER = new RegExp(`^${SPACE}([+-]?)(0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+|[0-9](?:_?[0-9])*)${SPACE}$`);
const UUID = /^(?:[0-9a-f]{4}-?){7}[0-9a-f]{4}$/i;

/**
 * The text that the column of a subject has, once it is stored, for a text of a file; undefined for one that the column can't
 * hold, and null for none. It must be what PostgreSQL makes of it: by it the row's values are decrypted.
 */
export function subjectText({ type }: Pick<Field, 'type'>, text: string | null): string | null | undefined {
  if (type === 'text') return text;
  if (text === null || text === '') return null;
  if (type === 'uuid') return uuidText(text);
  return type === 'integer' || type === 'bigint' ? numberText(text, LEAST[type]) : undefined;
}

function numberText(text: string, least: bigint): string | undefined {
  const [, sign, digits] = NUMBER.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const plain = digits.replaceAll('_', '');
  // In JavaScript 0x and its like may stand in front, and zeros do no harm.
  const size = BigInt(plain);
  const value = sign === '-' ? -size : size;
  return value >= least && value < -least ? String(value) : undefined;
}

function uuidText(text: string): string | undefined {
  const inner = text.startsWith('{') && text.endsWith('}') ? text.slice(1, -1) : text;
  if (!UUID.test(inner)) return undefined;
  const digits = inner.replaceAll('-', '').toLowerCase();
  return [digits.slice(0, 8), digits.slice(8, 12), digits.slice(12, 16), digits.slice(16, 20), digits.slice(20)].join('-');
}
