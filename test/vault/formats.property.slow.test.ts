import fc from 'fast-check';
import { parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Served } from '../support/served.js';
import { MANIFESTS } from './manifests.js';

let served: Served;
let admin: string;
let doctor: string;

beforeAll(async () => {
  served = await Served.start();
  admin = await served.token('ada', ['admin']);
  doctor = await served.token('doc', ['doctor']);
  const { errors } = await served.ask(admin, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: MANIFESTS });
  expect(errors).toBeUndefined();
});
afterAll(() => served?.close());

interface Row {
  readonly person: string | null;
  readonly national_id: string;
  readonly note: string | null;
}

/** Whatever a text of the database can hold. */
const text = fc
  .oneof(
    fc.string({ unit: 'grapheme' }),
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      '',
      ' ',
      '"',
      '""',
      ',',
      '\t',
      '\n',
      '\r\n',
      '\r',
      '\\',
      '\\.',
      '\\N',
      'NULL',
      'null',
      '***',
      '~',
      '!',
      '\u0001',
      '\u2028',
      "'; DROP TABLE x --",
      '😀',
      '👩‍👩‍👧',
      'é',
      'a\ufeffb',
    ),
    fc.constantFrom('hge1.AAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', 'hge1..', '.0.n.hge1.x'),
    fc.string({ unit: 'grapheme', minLength: 2_000, maxLength: 4_000 }),
    fc.constant('x'.repeat(65_536)),
  )
  .map((value) => value.replaceAll('\0', ''));
const row: fc.Arbitrary<Row> = fc.record({
  person: fc.option(text.filter((value) => Buffer.byteLength(value) < 2_000)),
  national_id: text,
  note: fc.option(text),
});

const quoted = (value: string | null) => (value === null ? '' : `"${value.replaceAll('"', '""')}"`);
const separated = (rows: readonly Row[], by: string, end: string) =>
  [
    ['id', 'note', 'person', 'national_id', 'country', 'free'],
    ...rows.map(({ person, national_id, note }, i) => [i, quoted(note), quoted(person), quoted(national_id), '', '']),
  ]
    .map((fields) => fields.join(by) + end)
    .join('');
const WRITERS: Readonly<Record<string, (rows: readonly Row[]) => string>> = {
  'text/csv': (rows) => separated(rows, ',', '\n'),
  'text/tab-separated-values': (rows) => separated(rows, '\t', '\r\n'),
  'application/x-ndjson': (rows) => rows.map((one, id) => `${JSON.stringify({ id, ...one })}\n`).join(''),
  'application/json': (rows) =>
    JSON.stringify(
      rows.map((one, id) => ({ id, ...one })),
      null,
      2,
    ),
};

/** Rows of CSV with quotes, as RFC 4180 has them; null for an empty field without quotes. */
function parsed(csv: string): (string | null)[][] {
  const rows: (string | null)[][] = [[]];
  for (const [, value = '', end] of csv.matchAll(/("(?:[^"]|"")*"|[^",\n]*)(,|\n)/g)) {
    rows.at(-1)?.push(value === '' ? null : value.startsWith('"') ? value.slice(1, -1).replaceAll('""', '"') : value);
    if (end === '\n') rows.push([]);
  }
  return rows.slice(0, -1);
}

async function file(format: string): Promise<Buffer> {
  const response = await fetch(`${served.url}/export/patients?format=${format}&orderBy=id&fields=id,person,nationalId,note`, {
    headers: { authorization: `Bearer ${doctor}` },
  });
  return Buffer.from(await response.arrayBuffer());
}

test('any text comes back as it was, by every way in and every way out', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 30, maxLength: 30 }), fc.constantFrom(...Object.keys(WRITERS)), async (rows, type) => {
      const loaded = await served.upload(admin, 'patients', WRITERS[type]?.(rows) ?? '', { 'content-type': type }, '?mode=replace');
      expect([loaded.status, await loaded.json()]).toMatchObject([200, { rowsLoaded: '30', rowsQuarantined: '0' }]);
      const plain = (await served.sql('SELECT * FROM data.patients')) as { national_id: string; note: string | null }[];
      for (const { national_id, note } of plain) for (const value of [national_id, note ?? 'hge1.']) expect(value).toMatch(/^hge1\./);

      const expected = rows.map(({ person, national_id, note }, id) => ({ id, person, nationalId: national_id, note }));
      const { data } = await served.ask<{ patients: { nodes: unknown } }>(
        doctor,
        '{ patients(first: 50, orderBy: [{ id: ASC }]) { nodes { id person nationalId note } } }',
      );
      expect(data.patients.nodes).toEqual(expected);
      expect(JSON.parse((await file('json')).toString())).toEqual(expected);
      expect(
        (await file('ndjson'))
          .toString()
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as unknown),
      ).toEqual(expected);
      expect(parsed((await file('csv')).toString())).toEqual([
        ['id', 'person', 'nationalId', 'note'],
        ...expected.map(({ id, person, nationalId, note }) => [String(id), person, nationalId, note]),
      ]);
      const bytes = await file('parquet');
      expect(await parquetReadObjects({ file: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer })).toEqual(expected);

      // Each is found by its value, and by nothing else.
      const wanted = rows[7]?.national_id ?? '';
      const found = await served.ask<{ patients: { nodes: { id: number }[] } }>(
        doctor,
        'query ($v: String!) { patients(first: 50, where: { nationalId: { eq: $v } }, orderBy: [{ id: ASC }]) { nodes { id } } }',
        { v: wanted },
      );
      expect(found.data.patients.nodes.map(({ id }) => id)).toEqual(rows.flatMap(({ national_id }, id) => (national_id === wanted ? [id] : [])));
    }),
    { numRuns: 6, endOnFailure: true },
  );
}, 300_000);
