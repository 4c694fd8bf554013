/** A number whose text says more than a float can hold; `JSON.stringify` writes it as it came. */
export interface RawNumber {
  readonly rawJSON: string;
}

/** Numbers that may lose something: many digits, an exponent, zeros at the end of a fraction or many at its beginning, a zero below zero. */
const MAY_LOSE = /[\d.]{16}|\d[eE]|\.\d*0(?!\d)|\.0{6}|-0/;

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

/** JSON whose numbers stay as they were written: one that a double can not hold is not changed. @throws SyntaxError */
export function parseExactJson(text: string): unknown {
  if (!MAY_LOSE.test(text)) return JSON.parse(text) as unknown;
  return json.parse(text, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined && source !== String(value) ? json.rawJSON(source) : value,
  );
}

export function isRawNumber(value: unknown): value is RawNumber {
  return json.isRawJSON(value);
}
