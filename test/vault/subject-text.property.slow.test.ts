import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { subjectText } from '../../src/ingestion/subject-text.js';
import { createTestDatabase } from '../support/database.js';

let client: pg.Client;
let drop: () => Promise<void>;

beforeAll(async () => {
  const { connection, drop: remove } = await createTestDatabase();
  drop = remove;
  client = new pg.Client(connection);
  await client.connect();
});
afterAll(async () => {
  await client?.end();
  await drop?.();
});

const TYPES = { integer: 'integer', bigint: 'bigint', uuid: 'uuid' } as const;

const digits = fc.string({ unit: fc.constantFrom(...'0123456789abcdefABCDEFxXoObB_+- \t\n\v\f\r') });
const number = fc.tuple(
  fc.constantFrom('', ' ', '\n', '+', '-', ' -', '- '),
  fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }),
  fc.constantFrom('', ' ', '_', '_1', '.0', 'e1', '\u00a0'),
);
const based = fc
  .tuple(
    fc.constantFrom('', '-', '+'),
    fc.constantFrom('0x', '0X', '0o', '0O', '0b', '0B', '0'),
    fc.constantFrom('', '_'),
    fc.bigInt({ min: 0n, max: 2n ** 64n }),
    fc.constantFrom(2, 8, 10, 16),
  )
  .map(([sign, prefix, gap, value, radix]) => `${sign}${prefix}${gap}${value.toString(radix)}`);
const uuid = fc
  .tuple(
    fc.uuid(),
    fc.constantFrom<(text: string) => string>(
      (t) => t,
      (t) => t.toUpperCase(),
      (t) => `{${t}}`,
      (t) => t.replaceAll('-', ''),
      (t) => `${t} `,
      (t) => `{${t}`,
      (t) => t.replaceAll('-', '').replaceAll(/(.{4})(?=.)/g, '$1-'),
      (t) => t.replaceAll('-', '').replaceAll(/(.{2})(?=.)/g, '$1-'),
      (t) => t.replace('-', '--'),
    ),
  )
  .map(([text, change]) => change(text));
const anything = fc.oneof(
  digits,
  number.map((parts) => parts.join('')),
  based,
  uuid,
  fc.constantFrom(
    '-2147483648',
    '2147483647',
    '2147483648',
    '9223372036854775807',
    '9223372036854775808',
    '-9223372036854775808',
    '-0',
    '00',
    '007',
    '1__0',
    '_1',
    '1_',
  ),
);

test('a subject in a file is known by the text that PostgreSQL makes of it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anything, { minLength: 200, maxLength: 200 }), async (texts) => {
      const all = texts.filter((text) => text !== '');
      for (const type of Object.values(TYPES)) {
        const { rows } = await client.query<{ stored: string | null }>(
          `SELECT CASE WHEN pg_input_is_valid(t, '${type}') THEN t::${type}::text END AS stored FROM unnest($1::text[]) WITH ORDINALITY AS u (t, i) ORDER BY i`,
          [all],
        );
        all.forEach((text, i) => expect([text, subjectText({ type }, text) ?? null]).toEqual([text, rows[i]?.stored]));
      }
    }),
    { numRuns: 60 },
  );
});
