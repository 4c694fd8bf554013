import type { ScalarType } from './model.js';

/** What stands for a part of a date or time, as in PostgreSQL's to_timestamp; longer ones first. */
const TOKENS = ['YYYY', 'HH24', 'HH12', 'Mon', 'TZH', 'TZM', 'MM', 'DD', 'MI', 'SS', 'MS', 'US', 'AM', 'PM'] as const;
type Token = (typeof TOKENS)[number];

const TIME_TOKENS: readonly Token[] = ['HH24', 'HH12', 'MI', 'SS', 'MS', 'US', 'AM', 'PM', 'TZH', 'TZM'];
const DATE_TOKENS: readonly Token[] = ['YYYY', 'MM', 'Mon', 'DD'];
/** What may stand between parts as it is. Letters would be read as parts (`DDTH` is a day with an ordinal ending), so they are quoted. */
const PUNCTUATION = /^[ \-/.,:;()+]/;

/** What is wrong with a format for a type; undefined when nothing is. */
export function formatProblem(format: string, type: ScalarType): string | undefined {
  if (type !== 'date' && type !== 'timestamp' && type !== 'time') return `format is for date, timestamp and time, and the type is ${type}`;
  if (format.length > 100) return 'a format has at most 100 characters';
  const found = new Set<Token>();
  for (let rest = format; rest !== '';) {
    const token = TOKENS.find((candidate) => rest.startsWith(candidate));
    const literal = PUNCTUATION.exec(rest)?.[0] ?? /^"[^"\\]+"/.exec(rest)?.[0];
    if (token) {
      if (found.has(token)) return `${token} is there twice`;
      found.add(token);
    } else if (literal === undefined) {
      return `"${rest.slice(0, 10)}" is not part of a format: known are ${TOKENS.join(' ')}, punctuation, and other text in double quotes`;
    }
    rest = rest.slice((token ?? literal ?? '').length);
  }
  return missingParts(found, type);
}

function missingParts(found: ReadonlySet<Token>, type: 'date' | 'timestamp' | 'time'): string | undefined {
  const has = (...tokens: Token[]) => tokens.some((token) => found.has(token));
  if (type === 'time' ? has(...DATE_TOKENS, 'TZH', 'TZM') : false) return 'a time has no year, month, day or offset';
  if (type === 'date' && has(...TIME_TOKENS)) return 'a date has no hours, minutes, seconds or offset; make the type timestamp to keep them';
  if (type !== 'time' && !(has('YYYY') && has('MM', 'Mon') && has('DD'))) return `a ${type} needs YYYY, MM (or Mon) and DD`;
  if (has('MM') && has('Mon')) return 'MM and Mon are both the month; keep one';
  if (has('HH24') && has('HH12', 'AM', 'PM')) return 'HH24 stands alone; AM or PM belong to HH12';
  if (has('HH12') !== has('AM', 'PM')) return 'HH12 and AM (or PM) belong together';
  if (type === 'time' && !has('HH24', 'HH12')) return 'a time needs HH24, or HH12 with AM';
  if (has('MI') && !has('HH24', 'HH12')) return 'MI needs the hour';
  if (has('SS') && !has('MI')) return 'SS needs MI';
  if (has('MS', 'US') && !has('SS')) return 'MS and US need SS';
  if (has('MS') && has('US')) return 'MS and US are both the fraction; keep one';
  if (has('TZM') && !has('TZH')) return 'TZM needs TZH';
  return undefined;
}
