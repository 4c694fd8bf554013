import { literal, raw, sql, type Sql } from '../sql/index.js';
import type { Mask } from './mask-kind.js';

/** What stands for the hidden part is of one length, so that it does not tell how much there was. */
const HIDDEN_TIMES = 3;
/** Code points that are looked at for each character that must be there: one that is made of more is not counted. */
const LONGEST_CHARACTER = 16;

/**
 * Code points with which a new character (grapheme cluster, UAX #29) begins for certain, if nothing before joins them to it. What is
 * not among them counts as a part of the character before: accents and vowel signs, flags, what is in no script that is known
 * here. So a value is never taken to be longer than it is. As escapes, which a database in any encoding understands.
 */
const CERTAIN = [
  // Latin, Greek, Cyrillic, Armenian, Hebrew, Arabic.
  ['0020-007e', '00a0-00ac', '00ae-02ff', '0370-0482', '048a-058f', '05d0-05f4', '0620-064a', '0671-06d3'],
  // Devanagari to Sinhala: independent vowels and consonants.
  ['0904-0939', '0985-09b9', '0a05-0a39', '0a85-0ab9', '0b05-0b39', '0b85-0bb9', '0c05-0c39', '0c85-0cb9', '0d05-0d3a', '0d85-0dc6'],
  // Thai, Lao, Tibetan, Myanmar, Georgian, Ethiopic, Khmer.
  ['0e01-0e30', '0e40-0e46', '0e81-0eb0', '0f40-0f6c', '1000-102a', '10a0-10ff', '1200-135a', '1780-17b3'],
  // Latin and Greek with marks, punctuation, signs, the symbols that may be emoji.
  ['1e00-1fff', '2010-2027', '2030-205e', '20a0-20bf', '2100-2bff'],
  // Chinese, Japanese, Korean, the latter as whole syllables.
  ['3001-3029', '3030-303f', '3041-3096', '309b-30ff', '3105-318e', '3400-9fff', 'a000-a48c', 'ac00-d7a3', 'f900-faff', 'ff01-ff9d'],
  // Emoji without the flags and the tones of skin; rare Chinese.
  ['0001f300-0001f3fa', '0001f400-0001faff', '00020000-0003fffd'],
].flat();
/** Joins the next code point to what is before it: the joiner of emoji, and the signs that make of two consonants one. */
const JOINERS = ['200d', '094d', '09cd', '0acd', '0b4d', '0c4d', '0d4d', '1039', '17d2'];

const escape = (hex: string): string => (hex.length > 4 ? `\\U${hex}` : `\\u${hex}`);
const BRACKET = CERTAIN.map((range) => range.split('-').map(escape).join('-')).join('');
const UNCOUNTED = `[${JOINERS.map(escape).join('')}]+.?|[^${BRACKET}]`;

/**
 * At most half of the value is ever shown: one that is too short for that is masked altogether. Its length is that in characters, as
 * they are read, and what is shown are code points: where a character is made of several, less of the value is shown than
 * was asked for, and never more.
 */
export function partial({ first, last, with: filler }: Extract<Mask, { kind: 'partial' }>, column: Sql): Sql {
  const hidden = literal(filler.repeat(HIDDEN_TIMES));
  const shown = first + last;
  if (shown === 0) return sql`CASE WHEN ${column} IS NOT NULL THEN ${hidden}::text END`;
  const start = first > 0 ? sql`pg_catalog.left(${column}, ${raw(`${first}`)}) || ` : raw('');
  const end = last > 0 ? sql` || pg_catalog.right(${column}, ${raw(`${last}`)})` : raw('');
  return sql`CASE WHEN ${atLeast(2 * shown, column)} THEN ${start}${hidden}${end} WHEN ${column} IS NOT NULL THEN ${hidden}::text END`;
}

/** In ASCII a code point is a character, but for a line's end of two. There the regular expression is not needed, which takes ten times as long. */
function atLeast(count: number, column: Sql): Sql {
  const enough = raw(`${count}`);
  const isSimple = sql`pg_catalog.octet_length(${column}) = pg_catalog.char_length(${column}) AND pg_catalog.strpos(${column}, pg_catalog.chr(13)) = 0`;
  const start = sql`pg_catalog.left(${column}, ${raw(`${LONGEST_CHARACTER * count}`)})`;
  const counted = sql`pg_catalog.char_length(pg_catalog.regexp_replace(${start}, ${literal(UNCOUNTED)}, '', 'g'))`;
  return sql`pg_catalog.char_length(${column}) >= ${enough} AND (${isSimple} OR ${counted} >= ${enough})`;
}
