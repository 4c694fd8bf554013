import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { rawIsAbout } from '../../../src/catalog/index.js';
import { subjectValue, type SubjectDataset } from '../../../src/delivery/subjects/subject.js';
import { param, render, sql } from '../../../src/sql/index.js';
import { Database, KeyRing } from '../../../src/store/index.js';
import { subjectReference, subjectReferenceSql } from '../../../src/vault/index.js';
import { createTestDatabase } from '../../support/database.js';

let database: Database;
let drop: () => Promise<void>;
beforeAll(async () => {
  const created = await createTestDatabase();
  drop = created.drop;
  database = await Database.open({ connection: created.connection, entities: [], statementTimeoutMs: 10_000 });
});
afterAll(async () => {
  await database?.close();
  await drop?.();
});

const target = (type: string) => ({ dataset: {}, field: { name: 'who', type } }) as unknown as SubjectDataset;

async function isAbout(type: string, raw: object, subject: string): Promise<boolean> {
  // Of a column, as in the quarantine: of a constant PostgreSQL would compute what CASE keeps from being computed.
  const isIt = rawIsAbout(target(type).field, sql`q.raw`, (form) => sql`${form} = ${param(subject, 'text')}`);
  const { text, values } = render(sql`SELECT ${isIt} AS yes FROM (SELECT ${param(JSON.stringify(raw), 'jsonb')} AS raw OFFSET 0) AS q`);
  const [row] = await database.query<{ yes: boolean | null }>(text, values);
  return row?.yes === true;
}

test.each([
  ['integer', ' 007\t', '7', true],
  ['integer', '+7.000', '7', true],
  ['integer', '-0', '0', true],
  ['bigint', '0x7', '7', true],
  ['integer', '7.5', '7', false],
  ['integer', '77', '7', false],
  ['integer', '٧', '7', false],
  ['integer', 'seven', 'seven', true],
  ['uuid', ' {A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11} ', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', true],
  ['text', ' anna ', 'anna', true],
  ['text', ' anna ', ' anna ', true],
  ['text', 'Anna', 'anna', false],
])('a refused row with the %s %j is about %j: %j', async (type, text, subject, expected) => {
  expect(await isAbout(type, { who: text }, subject)).toBe(expected);
});

test('no text raises an error, in a field or in a line, and a line is about its words', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('integer', 'bigint', 'uuid', 'text'),
      fc.string({ unit: 'grapheme', maxLength: 60 }).filter((text) => text.isWellFormed() && !text.includes('\0')),
      async (type, text) => {
        await isAbout(type, { who: text }, '7');
        await isAbout(type, { '': text }, '7');
        await isAbout(type, { who: null }, '7');
        expect(await isAbout(type, { '': `{"who": "4711", ${text.replaceAll('4711', '')}` }, '4711')).toBe(true);
      },
    ),
    { numRuns: 60 },
  );
});

test('the database makes the reference that the program makes', async () => {
  const keyRing = new KeyRing(Buffer.alloc(32, 3));
  const referenceOf = subjectReferenceSql(keyRing);
  for (const subject of ['7', 'anna@example.org', 'ä€😀', "' OR true --", 'x'.repeat(1000), '\\x00']) {
    const { text, values } = render(sql`SELECT ${referenceOf(param(subject, 'text'))} AS reference`);
    expect(await database.query(text, values)).toEqual([{ reference: subjectReference(keyRing, subject) }]);
  }
});

test.each([
  ['integer', '7', true],
  ['integer', '-7', true],
  ['integer', '007', false],
  ['integer', '2147483647', true],
  ['integer', '2147483648', false],
  ['bigint', '-9223372036854775808', true],
  ['bigint', '9223372036854775808', false],
  ['uuid', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', false],
  ['text', 'anything', true],
] as const)('as %s the subject %j can be there: %j', (type, subject, expected) => {
  expect(subjectValue({ type }, subject) !== undefined).toBe(expected);
});
