import { HeadgateError } from '../../kernel/index.js';

/** How the rows of a CSV text are written. What is not said is as it is in RFC 4180, in UTF-8. */
export interface Dialect {
  /** One character; a comma, or in TSV a tab, when absent. */
  readonly delimiter?: string | undefined;
  /** What values stand in that hold delimiters; `none` where there is nothing of the kind. */
  readonly quote?: Quote | undefined;
  /** Of any text, JSON too: a name that the WHATWG encoding standard knows. */
  readonly encoding?: string | undefined;
  /** False when the first line is a row already: the columns are the contract's, in its order. */
  readonly header?: boolean | undefined;
  /** What stands before the decimals of numbers; with a comma, points stand between thousands. */
  readonly decimal?: Decimal | undefined;
  /** The formats of date and time fields that have none in the contract. */
  readonly formats?: Readonly<Record<string, string>> | undefined;
}

export const QUOTES = ['double', 'single', 'none'] as const;
export type Quote = (typeof QUOTES)[number];
export const DECIMALS = ['point', 'comma'] as const;
export type Decimal = (typeof DECIMALS)[number];

/** What a request says of the dialect, as texts. */
export interface SaidDialect {
  readonly delimiter?: string | undefined;
  readonly quote?: string | undefined;
  readonly encoding?: string | undefined;
  readonly header?: boolean | undefined;
  readonly decimal?: string | undefined;
  /** Finds out what is not said, by the content's beginning. */
  readonly detect?: boolean | undefined;
}

/** A dialect, and whether the rest of it is to be found out. */
export interface DialectRequest {
  readonly said: Dialect;
  readonly detect: boolean;
}

const NAMED: Readonly<Record<string, string>> = { tab: '\t', '\\t': '\t', comma: ',', semicolon: ';', pipe: '|' };

/**
 * Checks what a request says.
 * @throws HeadgateError BAD_USER_INPUT for a delimiter, a quote or an encoding that can't be one.
 */
export function dialectRequest({ delimiter, quote, encoding, header, decimal, detect = false }: SaidDialect): DialectRequest {
  return {
    detect,
    said: {
      ...(delimiter !== undefined && { delimiter: delimiterOf(delimiter) }),
      ...(quote !== undefined && { quote: oneOf('quote', quote, QUOTES) }),
      ...(encoding !== undefined && { encoding: encodingOf(encoding) }),
      ...(header !== undefined && { header }),
      ...(decimal !== undefined && { decimal: oneOf('decimal', decimal, DECIMALS) }),
    },
  };
}

function delimiterOf(text: string): string {
  const delimiter = NAMED[text.toLowerCase()] ?? text;
  if (delimiter === '\t' || /^[!#$%&*+,/:;<=>?@^_`|~ ]$/.test(delimiter)) return delimiter;
  throw bad('delimiter', 'one character such as , ; | or tab');
}

/** The name under which it is known. */
export function encodingOf(label: string): string {
  try {
    return new TextDecoder(label).encoding;
  } catch (cause) {
    throw bad('encoding', 'the name of an encoding such as utf-8, utf-16le, windows-1252 or iso-8859-2', cause);
  }
}

function oneOf<T extends string>(name: string, text: string, known: readonly T[]): T {
  const found = known.find((value) => value === text.toLowerCase());
  if (!found) throw bad(name, known.join(', '));
  return found;
}

function bad(name: string, expected: string, cause?: unknown): HeadgateError {
  return new HeadgateError('BAD_USER_INPUT', `${name}: expected ${expected}.`, { path: name }, cause === undefined ? undefined : { cause });
}

/** In one line, for people and the record: what is not as in RFC 4180. */
export function dialectText({ delimiter, quote, encoding, header, decimal, formats }: Dialect): string {
  const parts = [
    delimiter !== undefined && delimiter !== ',' && `delimiter ${delimiter === '\t' ? 'tab' : delimiter}`,
    quote !== undefined && quote !== 'double' && `quote ${quote}`,
    encoding !== undefined && encoding !== 'utf-8' && `encoding ${encoding}`,
    header === false && 'no header',
    decimal === 'comma' && 'decimal comma',
    ...Object.entries(formats ?? {}).map(([field, format]) => `${field} as ${format}`),
  ].filter((part) => part !== false);
  return parts.length === 0 ? 'CSV in UTF-8 with commas and a header' : parts.join(', ');
}

/** What makes other rows of the same text, for its hash; nothing where it is read as RFC 4180 says. */
export function rowsDialect({ delimiter, header, decimal, formats }: Dialect): string {
  const said = { ...(header === false && { header }), ...(decimal === 'comma' && { decimal }), ...(formats && { formats }) };
  if (Object.keys(said).length === 0) return '';
  return JSON.stringify({ ...said, ...(delimiter !== undefined && { delimiter }) });
}
