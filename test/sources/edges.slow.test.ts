import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { House, principal } from '../support/house.js';
import { RemoteDatabase } from './remote-database.js';

/** Values at the ends of each type: stored here and at a source, they are shown, masked, ordered and found alike. */
const FIELDS = `
fields:
  - { name: id, type: integer }
  - { name: t, type: text }
  - { name: i, type: integer }
  - { name: b, type: bigint }
  - { name: d, type: decimal }
  - { name: f, type: float }
  - { name: day, type: date }
  - { name: at, type: timestamp }
  - { name: clock, type: time }
  - { name: yes, type: boolean }
key: [id]
`;

const VALUES = {
  t: [
    '',
    ' ',
    'a',
    'A',
    'ab',
    'Ä',
    'ä',
    'ß',
    'ẞ',
    'İ',
    'ı',
    'Σας',
    'σασ',
    '😀',
    'é',
    'e\u0301',
    "o'b\\x@d.e",
    'a@b.c',
    'anna@example.de',
    '%_\\',
    '\n\u0001',
    'z',
    '34',
    '-0.5',
    'Z',
    '中文',
  ],
  i: ['0', '1', '-1', '2147483647', '-2147483648', '15', '14', '-5'],
  b: ['0', '9223372036854775807', '-9223372036854775808', '9007199254740993', '55'],
  d: ['0', 'NaN', 'Infinity', '-Infinity', '1e131071', '-1e131071', '1e-16000', '-0.5', '0.00', '123.45'],
  f: ['0', '-0', 'NaN', 'Infinity', '-Infinity', '1.7976931348623157e308', '5e-324', '0.1', '0.49999999999999994', '1e15'],
  day: ['2026-02-28', 'infinity', '-infinity', '4713-01-01 BC', '5874897-12-31', '0001-01-01', '294277-01-01', '1999-12-31'],
  at: ['2026-02-28 12:34:56.789', 'infinity', '-infinity', '4713-01-01 00:00:00 BC', '294276-12-31 23:59:59.999999', '1970-01-01', '1969-12-31 23:59:59.5'],
  clock: ['00:00', '24:00', '23:59:59.999999', '12:00'],
  yes: ['true', 'false'],
} as const;

const GRANTS: Readonly<Record<string, string>> = {
  plain: "'*': allow",
  rounded:
    "'*': allow, t: { mask: partial, first: 1, last: 1 }, i: { mask: round, step: 10 }, b: { mask: round, step: 7 }, d: { mask: round, step: '0.05' }, f: { mask: round, step: '0.5' }, day: { mask: year }, at: { mask: year }",
  truncated:
    "'*': allow, t: { mask: email }, day: { mask: truncate, to: month }, at: { mask: truncate, to: hour }, yes: { mask: redact }, clock: { mask: nullify }",
  hashed: 'id: allow, t: { mask: hash }, i: { mask: redact }, at: { mask: truncate, to: day }',
  tokens:
    "'*': allow, t: { mask: tokenize }, d: { mask: location, digits: 2 }, f: { mask: location, digits: 1 }, i: { mask: sql, sql: 'CASE WHEN i > 0 THEN i END' }, yes: { mask: sql, sql: 'clock IS NULL' }",
  'made-up': "'*': allow, t: { mask: pseudonym, kind: email }, i: { mask: sql, sql: 'greatest(i / 2, id)' }, day: { mask: redact }",
  ranges: "id: allow, t: { mask: range, step: 10 }, at: { mask: sql, sql: 'CASE WHEN id > 3 THEN at END' }",
  hidden: 't: allow, i: { mask: round, step: 3 }',
};

const manifests = (more: string) =>
  [
    `kind: Dataset\nname: edges\n${more}${FIELDS}`,
    ...Object.entries(GRANTS).map(
      ([role, fields]) => `kind: Grant\nname: ${role}\nto: { roles: [${role}] }\non: { datasets: [edges] }\nfields: { ${fields} }\n`,
    ),
  ].join('---\n');

const ALL = 'id t i b d f day at clock yes';
const ORDERED = ALL.split(' ').flatMap((field) => ['ASC', 'DESC', 'ASC_NULLS_FIRST'].map((direction) => `orderBy: [{ ${field}: ${direction} }, { id: ASC }]`));
const FOUND = [
  't: { eqInsensitive: "ä" }',
  't: { startsWithInsensitive: "σ" }',
  't: { containsInsensitive: "A" }',
  't: { likeInsensitive: "_Ä%" }',
  't: { matchesInsensitive: "^[a-z]$" }',
  't: { matches: "^\\\\w+$" }',
  't: { gt: "Z" }',
  't: { in: ["a", "é", "中文"] }',
  't: { between: ["A", "a"] }',
  't: { like: "%\\\\%" }',
  'd: { gt: "100" }',
  'd: { eq: "0" }',
  'f: { lte: 0 }',
  'at: { lt: "1970-01-01T00:00:00Z" }',
  'day: { gte: "2026-01-01" }',
  'clock: { gt: "12:00" }',
  'b: { eq: "9223372036854775807" }',
].map((where) => `where: { ${where} }`);

let stored: House;

beforeAll(async () => {
  stored = await House.open({ maxPage: 500 });
  await stored.apply(manifests(''));
});

afterAll(() => stored?.close());

/** Rows that each have one value, and nulls beside. */
function inserts(table: string, hasEndlessDecimals: boolean): [text: string, values: unknown[]] {
  const rows = Object.entries(VALUES).flatMap(([column, values]) => values.map((value) => ({ column, value })));
  // Nor do such servers take apart dates behind the last timestamp.
  const kept = rows.filter(
    ({ column, value }) => hasEndlessDecimals || !((column === 'd' && value.endsWith('Infinity')) || (column === 'day' && /^\d{6}/.test(value))),
  );
  const columns = Object.keys(VALUES);
  // One parameter a column: its values by row.
  const lists = columns.map((column) => kept.map((row) => (row.column === column ? row.value : null)));
  const types = ['text', 'integer', 'bigint', 'numeric', 'double precision', 'date', 'timestamp', 'time', 'boolean'];
  const arrays = columns.map((_, i) => `$${i + 1}::${types[i]}[]`).join(', ');
  return [
    `INSERT INTO ${table} (id, ${columns.join(', ')}) SELECT place, ${columns.map((name) => `v.${name}`).join(', ')} FROM unnest(${arrays}) WITH ORDINALITY AS v (${columns.join(', ')}, place)`,
    lists,
  ];
}

describe.each([
  ['a new server', () => RemoteDatabase.onNew()],
  ['an old server', () => RemoteDatabase.onOld()],
])('at %s', (_, create) => {
  let remote: RemoteDatabase | undefined;
  let live: House | undefined;
  let reason = '';

  beforeAll(async () => {
    const made = await create();
    if (!(made instanceof RemoteDatabase)) return void (reason = made.reason);
    remote = made;
    const hasEndless = (await remote.version()) >= 140_000;
    await remote.run(
      'CREATE TABLE edges (id int PRIMARY KEY, t varchar, i int, b bigint, d numeric, f float8, day date, at timestamp, clock time, yes boolean)',
    );
    await remote.run(...inserts('edges', hasEndless));
    await stored.database.query('DELETE FROM data.edges');
    await stored.database.query(...inserts('data.edges', hasEndless));
    live = await House.open({ maxPage: 500 });
    live.secrets.set('HEADGATE_SECRET_REMOTE', remote.url);
    await live.apply(`kind: Source\nname: remote\ntype: postgres\nurl: \${HEADGATE_SECRET_REMOTE}\n---\n${manifests('source: remote\ntable: public.edges\n')}`);
  });

  afterAll(async () => {
    await live?.close();
    await remote?.drop();
  });

  test.for(
    Object.keys(GRANTS).flatMap((role) =>
      role === 'hidden' || role === 'hashed' || role === 'ranges' ? [{ role, args: [''] }] : [{ role, args: ['', ...ORDERED, ...FOUND] }],
    ),
  )('as $role', { timeout: 60_000 }, async ({ role, args }, { skip }) => {
    if (!live) return skip(reason);
    const who = principal({ roles: [role] });
    const fields = role === 'hidden' ? 't i' : role === 'hashed' ? 'id t i at' : role === 'ranges' ? 'id t at' : ALL;
    live.asksTwice = stored.asksTwice = false;
    for (const arg of args) {
      const query = `{ edges(first: 500${arg && `, ${arg}`}) { totalCount nodes { ${fields} } } }`;
      const [here, there] = [await stored.query(who, query), await live.query(who, query)];
      expect(here.errors, arg).toBeUndefined();
      if (role === 'hidden') expect(rowsOf(there.text), arg).toEqual(rowsOf(here.text));
      else expect(there.text, arg).toBe(here.text);
    }
  });
});

function rowsOf(text: string): string[] {
  return text
    .split('{')
    .toSorted()
    .map((row) => row.replaceAll(/[\]},]+$/g, ''));
}
