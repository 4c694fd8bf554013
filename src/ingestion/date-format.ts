import { HeadgateError } from '../kernel/index.js';

/** A declared format as PostgreSQL can check and read it without to_timestamp, which guesses and overflows in silence. */
export interface DateFormat {
  /** What the whole text must match. */
  readonly pattern: string;
  /** The replacement that makes ISO 8601 of it, for regexp_replace. */
  readonly iso: string;
}

type Part = 'year' | 'month' | 'day' | 'hour' | 'minute' | 'second' | 'fraction' | 'half' | 'zone' | 'zoneMinute';

/** The longest come first, as in to_timestamp: `HH24` is not `HH`. */
const TOKENS: readonly (readonly [token: string, part: Part, pattern: string])[] = [
  ['MONTH', 'month', '[A-Za-z]{3,9}'],
  ['YYYY', 'year', '\\d{4}'],
  ['HH24', 'hour', '\\d{1,2}'],
  ['HH12', 'hour', '\\d{1,2}'],
  ['TZH', 'zone', '[+-]\\d\\d'],
  ['TZM', 'zoneMinute', '\\d\\d'],
  ['MON', 'month', '[A-Za-z]{3}'],
  ['HH', 'hour', '\\d{1,2}'],
  ['MM', 'month', '\\d{1,2}'],
  ['DD', 'day', '\\d{1,2}'],
  ['MI', 'minute', '\\d{1,2}'],
  ['SS', 'second', '\\d{1,2}'],
  ['MS', 'fraction', '\\d{1,3}'],
  ['US', 'fraction', '\\d{1,6}'],
  ['AM', 'half', '[AaPp][Mm]'],
  ['PM', 'half', '[AaPp][Mm]'],
];

/**
 * Translates a format of to_timestamp (`YYYY/MM/DD HH24:MI`) for a field of type date, time or timestamp.
 * @throws HeadgateError BAD_USER_INPUT for a token that is not known, is there twice, or is needed and not there.
 */
export function dateFormat(format: string, type: 'date' | 'time' | 'timestamp'): DateFormat {
  const groups = new Map<Part, number>();
  let pattern = '';
  for (let i = 0; i < format.length;) {
    const rest = format.slice(i);
    const token = TOKENS.find(([name]) => rest.toUpperCase().startsWith(name));
    if (token) {
      const [name, part, digits] = token;
      if (groups.has(part)) throw bad(format, `has the ${part} twice`);
      groups.set(part, groups.size + 1);
      pattern += `(${digits})`;
      i += name.length;
      continue;
    }
    // A text in double quotes stands for itself.
    const quoted = /^"([^"]*)"/.exec(rest);
    const text = quoted ? (quoted[1] ?? '') : rest.charAt(0);
    if (!quoted && /[A-Za-z]/.test(text)) throw bad(format, `has "${/^[A-Za-z0-9]+/.exec(rest)?.[0] ?? text}"`);
    pattern += text.replace(/[\\^$.|?*+()[\]{}]/g, '\\$&');
    i += quoted ? quoted[0].length : 1;
  }
  const needed: readonly Part[] = type === 'time' ? ['hour', 'minute'] : ['year', 'month', 'day'];
  const missing = needed.filter((part) => !groups.has(part));
  if (missing.length > 0) throw bad(format, `has no ${missing.join(', no ')}`);
  const of = (part: Part, before: string) => (groups.has(part) ? `${before}\\${groups.get(part)}` : '');
  const day = type === 'time' ? '' : `${of('year', '')}${of('month', '-')}${of('day', '-')}`;
  const minute = of('minute', ':') || ':00';
  const clock =
    type === 'date' || !groups.has('hour')
      ? ''
      : `${of('hour', '')}${minute}${of('second', ':')}${groups.has('second') ? of('fraction', '.') : ''}${of('half', ' ')}${of('zone', '')}${of('zoneMinute', ':')}`;
  return { pattern: `^${pattern}$`, iso: [day, clock].filter(Boolean).join(' ') };
}

function bad(format: string, what: string): HeadgateError {
  return new HeadgateError(
    'BAD_USER_INPUT',
    `The format "${format}" ${what}. Known are YYYY MM MON MONTH DD HH24 HH12 MI SS MS US AM TZH TZM, and texts in double quotes.`,
    {
      format,
    },
  );
}
