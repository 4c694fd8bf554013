import { dateFormat } from '../date-format.js';
import { ISO_PATTERNS } from '../iso-shape.js';

type TimeType = 'date' | 'timestamp' | 'time';

/** What texts are written as: the type, and the format where it is not ISO 8601. */
export interface WrittenAs {
  readonly type: TimeType;
  readonly format?: string;
  /** Another format fits all of them as well: days and months can't be told apart. */
  readonly or?: string;
}

/** Dates as people write them; where two fit, the earlier is the likelier. */
const DATES = [
  'YYYY/MM/DD',
  'YYYY.MM.DD',
  'DD.MM.YYYY',
  'MM/DD/YYYY',
  'DD/MM/YYYY',
  'DD-MM-YYYY',
  'MM-DD-YYYY',
  'YYYYMMDD',
  'DD Mon YYYY',
  'DD-Mon-YYYY',
  'Mon DD, YYYY',
  'Mon DD YYYY',
] as const;
const CLOCKS = ['HH24:MI', 'HH24:MI:SS', 'HH24:MI:SS.US', 'HH12:MI AM', 'HH12:MI:SS AM'] as const;
const ISO_DATE = 'YYYY-MM-DD';

/** Eight digits are a date only when they can't be a number: all are of these years. */
const YEARS_OF_DIGITS = [1900, 2100] as const;

/** Both orders of day and month, of which one is ambiguous with the other. */
const SWAPPED: Readonly<Record<string, string>> = { 'MM/DD/YYYY': 'DD/MM/YYYY', 'DD-MM-YYYY': 'MM-DD-YYYY' };

interface Known {
  readonly type: TimeType;
  readonly format: string;
  readonly pattern: RegExp;
  readonly iso: string;
}

function known(): readonly Known[] {
  const of = (format: string, type: TimeType): Known => {
    const { pattern, iso } = dateFormat(format, type);
    return { type, format, pattern: new RegExp(pattern), iso: iso.replace(/\\(\d)/g, '$$$1') };
  };
  return [
    ...DATES.map((format) => of(format, 'date')),
    ...[...DATES.filter((format) => format !== 'YYYYMMDD'), ISO_DATE].flatMap((date) => CLOCKS.map((clock) => of(`${date} ${clock}`, 'timestamp'))),
    ...CLOCKS.slice(3).map((clock) => of(clock, 'time')),
  ];
}

/** Longer than any date with its clock. */
const LONGEST = 40;

/** As what all of these texts are written; undefined when there is none, or they are none of dates and times. */
export function dateFormatOf(values: readonly string[], types: readonly TimeType[] = ['date', 'timestamp', 'time']): WrittenAs | undefined {
  const candidates = new DateCandidates(types);
  for (const value of values) if (!candidates.add(value)) return undefined;
  return candidates.best;
}

/** What texts can be written as, text by text: fewer and fewer. */
export class DateCandidates {
  readonly #types: readonly TimeType[];
  #iso: readonly TimeType[] | undefined;
  #formats: readonly Known[] = [];

  constructor(types: readonly TimeType[] = ['date', 'timestamp', 'time']) {
    this.#types = types;
  }

  /** False when nothing is left that all texts so far are written as. */
  add(value: string): boolean {
    if (value.length > LONGEST || !/\d/.test(value)) {
      this.#iso = [];
      this.#formats = [];
      return false;
    }
    if (this.#iso === undefined) {
      this.#iso = this.#types;
      this.#formats = known().filter(({ type, pattern }) => this.#types.includes(type) && pattern.test(value));
    }
    this.#iso = this.#iso.filter((type) => new RegExp(ISO_PATTERNS[type]).test(value) && (type === 'time' ? isTime(value) : isDay(value)));
    this.#formats = this.#formats.filter((candidate) => fits(candidate, value));
    return this.#iso.length + this.#formats.length > 0;
  }

  /** The likeliest. A clock of hours and minutes in ISO 8601 needs no format. */
  get best(): WrittenAs | undefined {
    const [iso] = this.#iso ?? [];
    if (iso) return { type: iso };
    const [best] = this.#formats;
    if (!best) return undefined;
    const date = best.format.split(' ')[0] ?? '';
    const other = SWAPPED[date] && best.format.replace(date, SWAPPED[date]);
    return { type: best.type, format: best.format, ...(other !== undefined && this.#formats.some(({ format }) => format === other) && { or: other }) };
  }
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

function fits({ type, format, pattern, iso }: Known, value: string): boolean {
  if (!pattern.test(value)) return false;
  const written = value.replace(pattern, iso);
  const space = written.indexOf(' ');
  const day = space < 0 ? written : written.slice(0, space);
  const clock = type === 'time' ? written : written.slice(space + 1);
  if (type !== 'time' && !isDay(day)) return false;
  if (format === 'YYYYMMDD' && !(Number(day.slice(0, 4)) >= YEARS_OF_DIGITS[0] && Number(day.slice(0, 4)) < YEARS_OF_DIGITS[1])) return false;
  return type === 'date' || isClock(clock, format.includes('HH12'));
}

/** Whether a date is in the calendar. */
function isDay(text: string): boolean {
  const [, year = '', month = '', day = ''] = /^(\d{4})-(\w+)-(\d{1,2})/.exec(text) ?? [];
  const number = /^\d+$/.test(month) ? Number(month) : MONTHS.indexOf(month.toLowerCase()) + 1;
  const date = new Date(Date.UTC(2000, number - 1, Number(day)));
  date.setUTCFullYear(Number(year), number - 1, Number(day));
  const clock = /[T ](\d\d):(\d\d)(?::(\d\d))?/.exec(text);
  if (clock && (Number(clock[1]) > 23 || Number(clock[2]) > 59 || Number(clock[3] ?? 0) > 59)) return false;
  return year !== '' && Number(year) > 0 && number >= 1 && date.getUTCMonth() === number - 1 && date.getUTCDate() === Number(day);
}

function isTime(text: string): boolean {
  return isClock(text, false);
}

function isClock(text: string, half: boolean): boolean {
  const [, hour = '', minute = '', second = '0'] = /^(\d{1,2}):(\d{1,2})(?::(\d{1,2}))?/.exec(text) ?? [];
  const hours = Number(hour);
  return hour !== '' && (half ? hours >= 1 && hours <= 12 : hours <= 23) && Number(minute) <= 59 && Number(second) <= 59;
}
