import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SCALAR_TYPES, type ScalarType } from '../../src/catalog/index.js';
import { EFFECT_ORDER, MaskSpec, maskDocument, maskProblem, maskSql } from '../../src/governance/mask.js';
import { maskKeys } from '../../src/governance/mask-keys.js';
import { identifier, raw, renderParameters, render } from '../../src/sql/index.js';
import { MaskBench, field, keyRing } from './mask-support.js';

let bench: MaskBench;

beforeAll(async () => {
  bench = await MaskBench.open();
});
afterAll(() => bench?.close());

/** Values at the ends of each type, and odd ones. */
const EDGES: Readonly<Record<ScalarType, readonly string[]>> = {
  text: [
    '',
    ' ',
    'a',
    'ab',
    'abc',
    '😀',
    '😀😀😀😀',
    'e\u0301e\u0301',
    '\u0301',
    '\u202e@\u202e',
    '@',
    '@@',
    'a@',
    '@a',
    'a@b',
    'a@b@c',
    "o'b\\x@d.e",
    '%_\\',
    '\n',
    'x'.repeat(1_000_000),
    `${'x'.repeat(2_000)}@example.com`,
    'a b@c.de',
    'ä@ö.de',
  ],
  integer: ['0', '1', '-1', '2147483647', '-2147483648', '5', '-5', '15', '14'],
  bigint: ['0', '9223372036854775807', '-9223372036854775808', '9007199254740993', '-1', '55'],
  decimal: [
    '0',
    'NaN',
    'Infinity',
    '-Infinity',
    '1e131071',
    '-1e131071',
    '9e130999',
    '1e-16000',
    '-0.5',
    '0.00',
    '123.45',
    `${'9'.repeat(500)}.${'9'.repeat(500)}`,
  ],
  float: [
    '0',
    '-0',
    'NaN',
    'Infinity',
    '-Infinity',
    '1.7976931348623157e308',
    '-1.7976931348623157e308',
    '5e-324',
    '-5e-324',
    '2.2250738585072014e-308',
    '0.49999999999999994',
    '9007199254740993',
    '1e22',
    '-2.5',
  ],
  boolean: ['true', 'false'],
  date: [
    'infinity',
    '-infinity',
    '4714-11-24 BC',
    '4714-12-01 BC',
    '4713-01-01 BC',
    '0001-12-31 BC',
    '0001-01-01',
    '2000-02-29',
    '5874897-12-31',
    '294277-01-01',
  ],
  timestamp: [
    'infinity',
    '-infinity',
    '4714-11-24 00:00:00+00 BC',
    '4714-12-15 12:00:00+00 BC',
    '4713-06-01 00:00:00+00 BC',
    '0001-12-31 23:59:59.999999+00 BC',
    '294276-12-31 23:59:59.999999+00',
    '2000-02-29 23:30:00-11',
  ],
  time: ['00:00:00', '24:00:00'],
  uuid: ['ffffffff-ffff-ffff-ffff-ffffffffffff'],
  json: ['null', '{}', '[]', '"a"'],
};

const SPECS = [
  { mask: 'redact' },
  { mask: 'nullify' },
  { mask: 'hash' },
  { mask: 'hash', scope: 'common' },
  { mask: 'partial' },
  { mask: 'partial', first: 1, last: 2 },
  { mask: 'partial', last: 1000, with: "'\\" },
  { mask: 'email' },
  { mask: 'year' },
  { mask: 'truncate', to: 'month' },
  { mask: 'truncate', to: 'day' },
  { mask: 'truncate', to: 'hour' },
  { mask: 'round', step: 10 },
  { mask: 'round', step: '0.1' },
  { mask: 'round', step: '999999999999999' },
  { mask: 'round', step: '0.00000000000001' },
  { mask: 'round', step: 2 },
  { mask: 'round', step: 7 },
  { mask: 'range', step: 10 },
  { mask: 'range', step: '0.25' },
  { mask: 'range', step: '999999999999999' },
  { mask: 'location', digits: 0 },
  { mask: 'location', digits: 4 },
  { mask: 'pseudonym', kind: 'name' },
  { mask: 'pseudonym', kind: 'email' },
  { mask: 'pseudonym', kind: 'city', scope: 'common' },
  { mask: 'pseudonym', kind: 'phone' },
  { mask: 'tokenize' },
  { mask: 'tokenize', scope: 'common' },
  { mask: 'sql', sql: "CASE WHEN secret IS NOT NULL THEN 'x' || left(secret, 1) END" },
] as const;

/** Their SQL holds a key, and textsend is only stable. */
const KEYED: ReadonlySet<string> = new Set(['hash', 'pseudonym', 'tokenize']);

const FITTING = SCALAR_TYPES.flatMap((type) =>
  SPECS.filter((spec) => maskProblem(MaskSpec.parse(spec), field(type)) === undefined && (spec.mask !== 'sql' || type === 'text')).map((spec) => ({
    type,
    spec,
  })),
);

describe('every mask on every type that it fits', () => {
  test.each(FITTING)('$spec on $type is total, keeps the type, and leaves null null unless it redacts', async ({ type, spec }) => {
    const values = [...EDGES[type], null];
    const masked = await bench.mask(spec, field(type), values);
    expect(masked).toHaveLength(values.length);
    expect(masked.at(-1) === null).toBe(spec.mask !== 'redact');
    expect(masked.slice(0, -1).filter((value) => value === null)).toHaveLength(spec.mask === 'nullify' ? values.length - 1 : 0);
    expect(await bench.mask(spec, field(type), values)).toEqual(masked);
  });

  test.each(FITTING.filter(({ spec }) => !KEYED.has(spec.mask)))('$spec on $type is immutable', async ({ type, spec }) => {
    const column = {
      text: 'text',
      integer: 'integer',
      bigint: 'bigint',
      decimal: 'numeric',
      float: 'float8',
      boolean: 'boolean',
      date: 'date',
      timestamp: 'timestamptz',
      time: 'time',
      uuid: 'uuid',
      json: 'jsonb',
    }[type];
    const masked = render(maskSql(MaskSpec.parse(spec), field(type), 'people', identifier('secret'), maskKeys(keyRing)));
    expect(masked.values).toEqual([]);
    // Only an immutable expression can be indexed.
    await bench.client.query(`CREATE TEMP TABLE probe (secret ${column}); CREATE INDEX ON probe ((${masked.text})); DROP TABLE probe`);
  });

  test('the session has no part in it', async () => {
    const elsewhere = await MaskBench.open('Asia/Tokyo');
    try {
      const moments = EDGES.timestamp.filter((moment) => !moment.startsWith('infinity'));
      const column = field('timestamp');
      const inUtc = await bench.mask({ mask: 'truncate', to: 'day' }, column, moments);
      const there = await elsewhere.mask({ mask: 'truncate', to: 'day' }, column, moments);
      const { rows } = await bench.client.query('SELECT a::timestamptz = b::timestamptz AS same FROM unnest($1::text[], $2::text[]) AS t(a, b)', [
        inUtc,
        there,
      ]);
      expect(rows).toEqual(moments.map(() => ({ same: true })));
    } finally {
      await elsewhere.close();
    }
  });
});

describe('redact and nullify', () => {
  test.each(SCALAR_TYPES)('a list of %s is an empty list, or null', async (type) => {
    expect(await bench.mask({ mask: 'redact' }, field(type, true), ['{}', null])).toEqual(['{}', '{}']);
    expect(await bench.mask({ mask: 'nullify' }, field(type, true), ['{}', null])).toEqual([null, null]);
  });
});

describe('hash', () => {
  const hmac = (scope: string, value: string) =>
    createHmac('sha256', keyRing.derive(`mask/${scope}`))
      .update(value)
      .digest('hex');

  test('is HMAC-SHA-256 under the key of its scope', async () => {
    const values = EDGES.text;
    expect(await bench.mask({ mask: 'hash' }, field('text'), values)).toEqual(values.map((value) => hmac('people.secret', value)));
    expect(await bench.mask({ mask: 'hash', scope: 'person' }, field('text'), values)).toEqual(values.map((value) => hmac('person', value)));
  });

  test('its keys are parameters, and one scope is sent once', () => {
    const keys = maskKeys(keyRing);
    const masked = (scope: string) => maskSql(MaskSpec.parse({ mask: 'hash', scope }), field('text'), 'people', identifier('a'), keys);
    const { text, parameters } = renderParameters({ ...masked('x'), parts: [...masked('x').parts, ' = ', ...masked('x').parts, ' = ', ...masked('y').parts] });
    expect(parameters).toHaveLength(4);
    expect(text).not.toContain(keyRing.derive('mask/x').toString('hex'));
  });
});

describe('partial', () => {
  test('never shows more than half of a value, and counts characters', async () => {
    expect(await bench.mask({ mask: 'partial', first: 1, last: 1 }, field('text'), ['', 'abc', 'abcd', '😀😀😀', '😀xy😀', 'abcdefghij'])).toEqual([
      '***',
      '***',
      'a***d',
      '***',
      '😀***😀',
      'a***j',
    ]);
  });
});

describe('email', () => {
  test('shows the domain of addresses, and nothing of what is none', async () => {
    const addresses = ['jane@example.com', 'ä@ö.de', 'äb@ö.de', 'a+b@sub.example-1.com', '"x"@localhost'];
    expect(await bench.mask({ mask: 'email' }, field('text'), addresses)).toEqual([
      'j***@example.com',
      '***@ö.de',
      'ä***@ö.de',
      'a***@sub.example-1.com',
      '"***@localhost',
    ]);
    const others = [
      '',
      'jane',
      '@',
      'a@',
      '@b',
      'a@b@c',
      'a b@c.de',
      'a@b c',
      'a@b/c',
      'a@b?c=d',
      'a@b:1',
      'a@[1.2.3.4]',
      'a\n@b',
      'a@b\n',
      'mail Jane <jane@example.com>',
      `${'x'.repeat(1_000)}@b.de`,
    ];
    expect(await bench.mask({ mask: 'email' }, field('text'), others)).toEqual(others.map(() => '***'));
  });
});

describe('year and truncate', () => {
  test('the ends of dates and timestamps', async () => {
    expect(await bench.mask({ mask: 'year' }, field('date'), EDGES.date)).toEqual([
      'infinity',
      '-infinity',
      '4714-11-24 BC',
      '4714-11-24 BC',
      '4713-01-01 BC',
      '0001-01-01 BC',
      '0001-01-01',
      '2000-01-01',
      '5874897-01-01',
      '294277-01-01',
    ]);
    expect(await bench.mask({ mask: 'truncate', to: 'month' }, field('date'), EDGES.date)).toEqual([
      'infinity',
      '-infinity',
      '4714-11-24 BC',
      '4714-12-01 BC',
      '4713-01-01 BC',
      '0001-12-01 BC',
      '0001-01-01',
      '2000-02-01',
      '5874897-12-01',
      '294277-01-01',
    ]);
    expect(await bench.mask({ mask: 'year' }, field('timestamp'), EDGES.timestamp)).toEqual([
      'infinity',
      '-infinity',
      '4714-11-24 00:00:00+00 BC',
      '4714-11-24 00:00:00+00 BC',
      '4713-01-01 00:00:00+00 BC',
      '0001-01-01 00:00:00+00 BC',
      '294276-01-01 00:00:00+00',
      '2000-01-01 00:00:00+00',
    ]);
    expect(await bench.mask({ mask: 'truncate', to: 'hour' }, field('timestamp'), EDGES.timestamp.slice(5))).toEqual([
      '0001-12-31 23:00:00+00 BC',
      '294276-12-31 23:00:00+00',
      '2000-03-01 10:00:00+00',
    ]);
  });
});

describe('round', () => {
  test('the half goes away from zero, and the ends stay in the type', async () => {
    expect(await bench.mask({ mask: 'round', step: 10 }, field('integer'), EDGES.integer)).toEqual([
      '0',
      '0',
      '0',
      '2147483640',
      '-2147483640',
      '10',
      '-10',
      '20',
      '10',
    ]);
    expect(await bench.mask({ mask: 'round', step: 10 }, field('bigint'), EDGES.bigint)).toEqual([
      '0',
      '9223372036854775800',
      '-9223372036854775800',
      '9007199254740990',
      '0',
      '60',
    ]);
    expect(await bench.mask({ mask: 'round', step: '2147483647' }, field('integer'), ['1073741823', '1073741824', '-2147483648'])).toEqual([
      '0',
      '2147483647',
      '-2147483647',
    ]);
    expect(await bench.mask({ mask: 'round', step: 1 }, field('decimal'), ['0.5', '-0.5', '0.4999999999999999999999999', '1.5', '-2.5'])).toEqual([
      '1',
      '-1',
      '0',
      '2',
      '-3',
    ]);
    expect(await bench.mask({ mask: 'round', step: 1 }, field('float'), ['0.5', '-0.5', '0.49999999999999994', '2.5', '-2.5', '-0'])).toEqual([
      '1',
      '-1',
      '0',
      '3',
      '-3',
      '0',
    ]);
    expect(
      await bench.mask({ mask: 'round', step: '0.1' }, field('float'), ['0.35', '1.7976931348623157e308', '5e-324', 'NaN', '-Infinity', '1234.56']),
    ).toEqual(['0.4', '1.7976931348623157e+308', '0', 'NaN', '-Infinity', '1234.6']);
  });
});

describe('what is not allowed', () => {
  test('a mask that can not keep the type is refused with those that can', () => {
    expect(maskProblem(MaskSpec.parse({ mask: 'email' }), field('date'))).toBe(
      'the mask email can\'t keep the type of "secret", which is date. For date there are: redact, nullify, year, truncate, sql.',
    );
    expect(maskProblem(MaskSpec.parse({ mask: 'hash' }), field('text', true))).toBe(
      'the mask hash can\'t keep the type of "secret", which is a list of text. For a list of text there are: redact, nullify, sql.',
    );
    expect(maskProblem(MaskSpec.parse({ mask: 'truncate', to: 'hour' }), field('date'))).toContain('Truncate to month');
    expect(maskProblem(MaskSpec.parse({ mask: 'round', step: 0.5 }), field('integer'))).toContain('whole number');
    expect(maskProblem(MaskSpec.parse({ mask: 'round', step: 1 }), field('bigint'))).toContain('as it is');
    expect(maskProblem(MaskSpec.parse({ mask: 'round', step: '2147483648' }), field('integer'))).toContain('larger than any integer');
    for (const step of ['1', '0.1', '0.01']) expect(maskProblem(MaskSpec.parse({ mask: 'range', step }), field('text'))).toContain('as it is');
    expect(maskProblem(MaskSpec.parse({ mask: 'tokenize' }), field('uuid'))).toContain('For uuid there are: redact, nullify, sql.');
  });

  test.each([
    { mask: 'none' },
    {},
    'redact',
    { mask: 'redact', last: 1 },
    { mask: 'partial', last: -1 },
    { mask: 'partial', first: 1.5 },
    { mask: 'partial', with: '' },
    { mask: 'partial', with: '\0' },
    { mask: 'partial', with: 'x'.repeat(11) },
    { mask: 'truncate' },
    { mask: 'truncate', to: 'minute' },
    { mask: 'round' },
    { mask: 'round', step: 0 },
    { mask: 'round', step: -1 },
    { mask: 'round', step: '1e3' },
    { mask: 'round', step: '0.0' },
    { mask: 'round', step: '1; DROP TABLE x' },
    { mask: 'round', step: Infinity },
    { mask: 'round', step: '1234567890123456' },
    { mask: 'hash', scope: '' },
    { mask: 'hash', scope: 'A b' },
    { mask: 'tokenize', scope: 'row/people' },
    { mask: 'pseudonym' },
    { mask: 'pseudonym', kind: 'iban' },
    { mask: 'pseudonym', made: 'name' },
    { mask: 'range' },
    { mask: 'range', step: 0 },
    { mask: 'range', step: '-5' },
    { mask: 'location' },
    { mask: 'location', digits: 5 },
    { mask: 'location', digits: -1 },
    { mask: 'sql' },
    { mask: 'sql', sql: ' ' },
    { mask: 'sql', sql: 'secret', discloses: ['other'] },
  ])('%j is no mask', (spec) => expect(MaskSpec.safeParse(spec).success).toBe(false));

  test('a mask is normalised, and its document gives the same mask', () => {
    expect(MaskSpec.parse({ mask: 'partial', last: 2 })).toEqual({ kind: 'partial', first: 0, last: 2, with: '*' });
    expect(MaskSpec.parse({ mask: 'round', step: '010.50' })).toEqual(MaskSpec.parse({ mask: 'round', step: 10.5 }));
    expect(MaskSpec.parse({ mask: 'hash', scope: undefined })).toStrictEqual({ kind: 'hash' });
    for (const spec of SPECS) expect(MaskSpec.parse(maskDocument(MaskSpec.parse(spec)))).toStrictEqual(MaskSpec.parse(spec));
  });

  test('every mask has its place in the order of effects', () => {
    for (const spec of SPECS) expect(EFFECT_ORDER).toContain(spec.mask);
    expect([EFFECT_ORDER[0], EFFECT_ORDER.at(-1)]).toEqual(['allow', 'deny']);
  });
});

test('a column may be any SQL', async () => {
  const masked = render(maskSql(MaskSpec.parse({ mask: 'partial', last: 1 }), field('text'), 'people', raw("('a' || 'bc')"), maskKeys(keyRing)));
  expect((await bench.client.query(`SELECT ${masked.text} AS v`)).rows).toEqual([{ v: '***c' }]);
});
