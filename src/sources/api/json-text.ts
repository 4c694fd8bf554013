/** A number whose text says more than a float can hold; `JSON.stringify` writes it as it came. */
export interface RawNumber {
  readonly rawJSON: string;
}

/** Numbers that may lose something: many digits, an exponent, zeros at the end of a fraction, a zero below zero. */
const MAY_LOSE = /[\d.]{16}|\d[eE]|\.\d*0(?!\d)|-0/;

interface WithSource {
  readonly source?: string;
}

interface RawJson {
  rawJSON(text: string): RawNumber;
  isRawJSON(value: unknown): value is RawNumber;
}

/** Node has them, and TypeScript's library not yet. */
const json = JSON as unknown as RawJson & {
  parse(text: string, reviver?: (this: unknown, key: string, value: unknown, context: WithSource) => unknown): unknown;
};

/** Parses JSON without a loss in its numbers. @throws SyntaxError */
export function parseJson(text: string): unknown {
  if (!MAY_LOSE.test(text)) return JSON.parse(text) as unknown;
  return json.parse(text, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined && source !== String(value) ? json.rawJSON(source) : value,
  );
}

export function isRawNumber(value: unknown): value is RawNumber {
  return json.isRawJSON(value);
}

/** What stands at a JSON pointer (RFC 6901); undefined where there is nothing. */
export function atPointer(value: unknown, pointer: string): unknown {
  return pointer
    .split('/')
    .slice(1)
    .reduce((at: unknown, part) => memberOf(at, part.replaceAll('~1', '/').replaceAll('~0', '~')), value);
}

export function memberOf(value: unknown, name: string): unknown {
  if (Array.isArray(value)) return /^(0|[1-9]\d{0,8})$/.test(name) ? (value as unknown[])[Number(name)] : undefined;
  if (typeof value !== 'object' || value === null || isRawNumber(value) || !Object.hasOwn(value, name)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}
