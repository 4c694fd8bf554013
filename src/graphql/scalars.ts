import { GraphQLError, GraphQLScalarType, Kind, valueFromASTUntyped, type ValueNode } from 'graphql';

/**
 * The scalars of both planes. Values go in as checked text, since PostgreSQL reads text, keeps all digits and never
 * meets a value that its type can't hold; they come out of PostgreSQL's JSON as they are.
 */
interface TextScalar {
  readonly name: string;
  readonly description: string;
  readonly specifiedBy?: string;
  /** Returns the text that PostgreSQL is given, or undefined when the input is no such value. */
  readonly parse: (input: string | number) => string | undefined;
  readonly expected: string;
}

function textScalar({ name, description, specifiedBy, parse, expected }: TextScalar): GraphQLScalarType<string, unknown> {
  const check = (input: unknown, node?: ValueNode): string => {
    const value =
      typeof input === 'string' || typeof input === 'number' || typeof input === 'bigint'
        ? parse(typeof input === 'bigint' ? String(input) : input)
        : undefined;
    if (value === undefined) throw new GraphQLError(`${name} expects ${expected}.`, { ...(node && { nodes: node }), extensions: { code: 'BAD_USER_INPUT' } });
    return value;
  };
  return new GraphQLScalarType({
    name,
    description,
    ...(specifiedBy && { specifiedByURL: specifiedBy }),
    serialize: (value) => (value instanceof Date ? value.toISOString() : typeof value === 'bigint' ? String(value) : value),
    parseValue: (value) => check(value),
    parseLiteral: (node) => {
      if (node.kind === Kind.STRING || node.kind === Kind.INT || node.kind === Kind.FLOAT) return check(node.value, node);
      throw new GraphQLError(`${name} expects ${expected}.`, { nodes: node });
    },
  });
}

const LARGEST_BIGINT = 2n ** 63n - 1n;

export const BigIntScalar = textScalar({
  name: 'BigInt',
  description: 'A whole number of 64 bits; a string in JSON, so that no digit is lost.',
  specifiedBy: 'https://the-guild.dev/graphql/scalars/docs/scalars/big-int',
  expected: 'a whole number of 64 bits, as a string or a number, like "42"',
  parse: (input) => {
    const text = String(input);
    if (!/^[+-]?\d{1,19}$/.test(text) || (typeof input === 'number' && !Number.isSafeInteger(input))) return undefined;
    const value = BigInt(text);
    return value <= LARGEST_BIGINT && value >= -LARGEST_BIGINT - 1n ? String(value) : undefined;
  },
});

export const DecimalScalar = textScalar({
  name: 'Decimal',
  description: 'An exact decimal number; a string in JSON, so that no digit is lost.',
  specifiedBy: 'https://www.w3.org/TR/xmlschema11-2/#decimal',
  expected: 'a decimal number, as a string or a number, like "12.50"',
  // PostgreSQL's numeric holds far more; a thousand characters is more than any amount needs.
  parse: (input) => {
    const text = String(input);
    return text.length <= 1000 && /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?$/.test(text) ? text : undefined;
  },
});

export const DateScalar = textScalar({
  name: 'Date',
  description: 'A day of the calendar as in ISO 8601: 2026-11-22.',
  specifiedBy: 'https://scalars.graphql.org/andimarek/local-date.html',
  expected: 'a day like "2026-11-22"',
  parse: (input) => (typeof input === 'string' && isDay(input) ? input : undefined),
});

export const DateTimeScalar = textScalar({
  name: 'DateTime',
  description: 'A moment as in RFC 3339, with its offset from UTC: 2026-11-22T21:00:00Z.',
  specifiedBy: 'https://scalars.graphql.org/andimarek/date-time.html',
  expected: 'a moment with its offset, like "2026-11-22T21:00:00Z"',
  parse: (input) => {
    const match = typeof input === 'string' ? /^(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d(\.\d{1,9})?)([Zz]|[+-]\d\d:\d\d)$/.exec(input) : null;
    const [, day = '', time = '', , offset = ''] = match ?? [];
    if (!isDay(day) || !isTime(time)) return undefined;
    return /^[Zz]$/.test(offset) || isTime(`${offset.slice(1)}:00`) ? `${day}T${time}${offset.toUpperCase()}` : undefined;
  },
});

export const TimeScalar = textScalar({
  name: 'Time',
  description: 'A time of the day without a zone: 21:00:00.',
  specifiedBy: 'https://www.w3.org/TR/xmlschema11-2/#time',
  expected: 'a time like "21:00:00"',
  parse: (input) => {
    if (typeof input !== 'string') return undefined;
    const text = /^\d\d:\d\d$/.test(input) ? `${input}:00` : input;
    return /^\d\d:\d\d:\d\d(\.\d{1,6})?$/.test(text) && isTime(text) ? text : undefined;
  },
});

export const UuidScalar = textScalar({
  name: 'UUID',
  description: 'A UUID as in RFC 9562, lower case.',
  specifiedBy: 'https://www.rfc-editor.org/rfc/rfc9562',
  expected: 'a UUID like "123e4567-e89b-12d3-a456-426614174000"',
  parse: (input) => (typeof input === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(input) ? input.toLowerCase() : undefined),
});

export const JsonScalar = new GraphQLScalarType({
  name: 'JSON',
  description: 'Any JSON value.',
  specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc8259',
  serialize: (value) => value,
  parseValue: (value) => value,
  parseLiteral: (node, variables) => valueFromASTUntyped(node, variables),
});

function isDay(text: string): boolean {
  const match = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text);
  if (!match) return false;
  const [year, month, day] = match.slice(1).map(Number) as [number, number, number];
  // Year 0 does not exist in PostgreSQL's calendar.
  return year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate();
}

function isTime(text: string): boolean {
  const [hours = 99, minutes = 99, seconds = 99] = text.split(':').map(Number);
  return hours < 24 && minutes < 60 && seconds < 60;
}
