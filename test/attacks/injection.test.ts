import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { isHeadgateError } from '../../src/kernel/index.js';
import { openFixture } from '../cases/open-fixture.js';
import { PRINCIPALS } from '../cases/principals.js';
import { principal, type House } from '../support/house.js';

/**
 * Whatever a client or a manifest says stays a value or a name. A canary table that the reader's role may even write, and
 * a trigger on every change of the schema, tell if anything else ran.
 */
let house: House;
const { agent, analyst } = PRINCIPALS;

/** Each would end a text, a name, a cast, a JSON path, a pattern or a comment, and write to the canary. */
const CORPUS: readonly string[] = [
  "'",
  "''",
  '"',
  '\\',
  "\\'",
  "'; INSERT INTO data.canary VALUES ('a'); --",
  "'); INSERT INTO data.canary VALUES ('b'); --",
  "' OR '1'='1",
  "' OR 1=1 --",
  "' UNION SELECT passport_no FROM data.customers --",
  '"; DROP TABLE data.orders; --',
  '") FROM data.orders; DELETE FROM data.orders; --',
  '\\"; DROP TABLE data.orders; --',
  "E'\\'; DROP TABLE data.orders; --",
  '$1',
  '$$; DROP TABLE data.orders; $$',
  "1; INSERT INTO data.canary VALUES ('c')",
  '1::text); DROP TABLE data.orders; --',
  '/* */',
  '*/ DROP TABLE data.orders /*',
  '-- ',
  '%00',
  '\n\r; DROP TABLE data.orders;\n',
  '\u2028',
  'ʼ; DROP TABLE data.orders; --',
  '＇; DROP TABLE data.orders; --',
  '{"a":"\'; DROP TABLE data.orders; --"}',
  "{a,b'}",
  "$.a ? (@ == 'x')",
  "claim('country')",
  'pg_sleep(1)',
  "(SELECT pg_read_file('/etc/passwd'))",
  "'||(SELECT string_agg(passport_no, ',') FROM data.customers)||'",
];

beforeAll(async () => {
  house = await openFixture();
  await house.database.query('CREATE TABLE data.canary (what text)');
  await house.database.query('GRANT SELECT, INSERT, DELETE ON data.canary TO headgate_reader');
  await house.database.query('CREATE TABLE public.ddl (command text)');
  await house.database.query(`CREATE FUNCTION public.note_ddl() RETURNS event_trigger SECURITY DEFINER LANGUAGE plpgsql AS $f$
    BEGIN INSERT INTO public.ddl VALUES (tg_tag); END $f$`);
  await house.database.query('CREATE EVENT TRIGGER note_ddl ON ddl_command_end EXECUTE FUNCTION public.note_ddl()');
});
afterAll(() => house?.close());
beforeEach(async () => {
  house.statements.length = 0;
  await house.database.query('DELETE FROM public.ddl');
});

/** Nothing ran that was not meant to. */
async function expectNoHarm(): Promise<void> {
  const [counts] = await house.database.query<Record<string, string>>(`
    SELECT (SELECT count(*) FROM data.canary) AS canary, (SELECT count(*) FROM public.ddl) AS ddl,
      (SELECT count(*) FROM data.orders) AS orders, (SELECT count(*) FROM data.customers) AS customers, (SELECT count(*) FROM data.watchlist) AS watchlist`);
  expect(counts).toEqual({ canary: '0', ddl: '0', orders: '5', customers: '6', watchlist: '2' });
}

test('the canary sings: the reader itself could be made to write', async () => {
  await expect(house.database.reader.query({ name: 'canary', text: "INSERT INTO data.canary VALUES ('x')", values: [] })).rejects.toThrow(/read-only/);
  await house.database.query("INSERT INTO data.canary VALUES ('x')");
  await expect(expectNoHarm()).rejects.toThrow();
  await house.database.query('DELETE FROM data.canary');
  await house.database.query('CREATE TABLE public.sings ()');
  await expect(expectNoHarm()).rejects.toThrow();
  await house.database.query('DROP TABLE public.sings');
  await house.database.query('DELETE FROM public.ddl');
  await expectNoHarm();
});

describe('through what a client says (CVE-2022-33171 TypeORM, CVE-2026-30951 Sequelize, CVE-2026-44635, CVE-2026-39356)', () => {
  const TEXT_OPERATORS = [
    'eq',
    'ne',
    'lt',
    'gte',
    'contains',
    'startsWith',
    'endsWith',
    'like',
    'eqInsensitive',
    'containsInsensitive',
    'startsWithInsensitive',
    'endsWithInsensitive',
    'likeInsensitive',
    'matches',
    'matchesInsensitive',
  ];

  test('values of text operators, all as parameters of one statement each', async () => {
    for (const operator of TEXT_OPERATORS) {
      const texts = new Set<string>();
      for (const value of CORPUS) {
        house.statements.length = 0;
        const { text, errors } = await house.query(agent, `query ($v: String) { customers(where: { name: { ${operator}: $v } }) { nodes { id name } } }`, {
          v: value,
        });
        expect(text).not.toContain('INTERNAL_SERVER_ERROR');
        expect(text).not.toMatch(/C01X00|12AB|root:/);
        if (errors) expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
        for (const statement of house.statements.filter(({ name }) => name !== 'hg_pattern')) texts.add(statement.text);
      }
      expect(texts.size).toBeLessThanOrEqual(1);
    }
    await expectNoHarm();
  });

  test('lists, JSON values and keys', async () => {
    const texts = new Set<string>();
    for (const value of CORPUS) {
      house.statements.length = 0;
      const where = {
        or: [
          { status: { in: [value, 'x'] } },
          { status: { between: [value, value] } },
          { labels: { contains: [value] } },
          { labels: { overlaps: [value, '{}', 'NULL'] } },
          { details: { contains: { [value]: { [value]: [value] } } } },
          { details: { contains: value } },
          { details: { hasKey: value } },
          { customer: { orders: { some: { status: { eq: value } } } } },
        ],
      };
      const { errors, data } = await house.query(agent, 'query ($where: OrderWhere) { orders(where: $where) { totalCount } }', { where });
      expect(errors, value).toBeUndefined();
      expect(data['orders']?.totalCount).toBeLessThanOrEqual(5);
      for (const statement of house.statements) texts.add(statement.text);
    }
    expect(texts.size).toBe(1);
    await expectNoHarm();
  });

  test('objects and lists where scalars are expected, and scalars where objects are', async () => {
    const things: readonly unknown[] = [{ eq: 'x' }, { toString: "'; DROP TABLE data.orders; --" }, ['x'], [["'"]], true, 1.5, { $gt: '' }, { raw: '1=1' }];
    for (const thing of things) {
      for (const [type, build] of [
        ['String', '{ name: { eq: $v } }'],
        ['BigInt', '{ id: { eq: $v } }'],
        ['Int', '{ tier: { eq: $v } }'],
        ['Decimal', '{ balance: { eq: $v } }'],
        ['Date', '{ birthDate: { eq: $v } }'],
        ['CustomerWhere', '{ and: [$v] }'],
      ] as const) {
        const { errors, data } = await house.query(
          agent,
          `query ($v: ${type === 'CustomerWhere' ? 'CustomerWhere!' : type}) { customers(where: ${build}) { totalCount } }`,
          { v: thing },
        );
        if (errors) expect(['BAD_USER_INPUT', 'GRAPHQL_VALIDATION_FAILED']).toContain(errors[0]?.extensions['code']);
        else expect(data['customers']?.totalCount).toBe(0);
      }
    }
    await expectNoHarm();
  });

  test('numbers, dates and ids as text', async () => {
    for (const value of [...CORPUS, '1 OR 1=1', '0x1', '1e', 'NaN', 'Infinity', 'now', 'today', "2026-01-01'::date", '1_000']) {
      for (const [type, field] of [
        ['BigInt', 'id'],
        ['Decimal', 'amount'],
        ['Date', 'shipDate'],
        ['Time', 'shipTime'],
        ['DateTime', 'placedAt'],
        ['UUID', 'tracking'],
      ] as const) {
        const { errors } = await house.query(agent, `query ($v: ${type}) { orders(where: { ${field}: { eq: $v } }) { totalCount } }`, { v: value });
        expect(errors, `${type} ${value}`).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
      }
      const { errors } = await house.query(agent, 'query ($v: BigInt!) { customersByKey(id: $v) { id } }', { v: value });
      expect(errors).toHaveLength(1);
    }
    expect(house.statements).toEqual([]);
    await expectNoHarm();
  });

  test('cursors, with our fingerprint and without', async () => {
    const { edges } = await house.connection(agent, 'customers', '{ customers(first: 1, orderBy: [{ name: ASC }]) { edges { cursor } } }');
    const [mark] = JSON.parse(Buffer.from(edges[0]?.cursor ?? '', 'base64url').toString()) as string[];
    for (const value of CORPUS) {
      for (const cursor of [
        value,
        JSON.stringify([mark, value, '1']),
        JSON.stringify([mark, 'x', value]),
        JSON.stringify([value, value, '1']),
        JSON.stringify({ length: 3, 0: mark, 1: value }),
      ]) {
        for (const after of [cursor, Buffer.from(cursor).toString('base64url')]) {
          const { text } = await house.query(agent, 'query ($c: String) { customers(first: 5, after: $c, orderBy: [{ name: ASC }]) { nodes { id } } }', {
            c: after,
          });
          expect(text, cursor).not.toContain('INTERNAL_SERVER_ERROR');
        }
      }
    }
    await expectNoHarm();
  });

  test('aliases, names of variables, of fragments and of the operation', async () => {
    const names = [
      'select',
      'SELECT',
      'from',
      'data',
      'pg_catalog',
      '_rid',
      '_rn',
      '_k0',
      'g0',
      't1',
      'n0',
      'a2',
      'v',
      'DROP',
      '__proto__',
      'constructor',
      'row_to_json',
      `x${'y'.repeat(300)}`,
    ];
    for (const name of names) {
      const { errors, data } = await house.query(
        agent,
        `query ${name} ($${name}: BigInt) { ${name}: customers(first: 1, where: { id: { gte: $${name} } }) { ${name}: nodes { ${name}: id ...${name} } e: edges { ${name}: cursor } i: pageInfo { ${name}: endCursor } } } fragment ${name} on Customer { o: orders { ${name}: totalCount } }`,
        { [name]: 1 },
      );
      expect(errors, name).toBeUndefined();
      expect(Object.keys(data)).toEqual([name]);
    }
    // What is no name of GraphQL is no document.
    for (const value of CORPUS.filter((text) => !/^(-- |pg_sleep)/.test(text))) {
      const { errors } = await house.query(agent, `{ customers { nodes { ${value}: id } } }`);
      if (errors) expect(errors[0]?.extensions['code'], value).toBe('GRAPHQL_VALIDATION_FAILED');
    }
    for (const operationName of CORPUS) {
      const { errors } = await house.ask(agent, { query: 'query A { customers { totalCount } } query B { me }', operationName });
      expect(errors?.[0]?.extensions['code']).toBe('BAD_USER_INPUT');
    }
    await expectNoHarm();
  });

  test('claims, subjects, roles and purposes of a token', async () => {
    for (const value of CORPUS) {
      for (const who of [
        principal({ roles: ['agent'], claims: { country: value } }),
        principal({ roles: ['agent'], claims: { country: value, [value]: value } }),
        principal({ subject: value, roles: [value, 'agent'], purposes: [value], purpose: value }),
      ]) {
        expect(await house.connection(who, 'customers', '{ customers { totalCount nodes { id } } }')).toEqual({ totalCount: 0, nodes: [] });
      }
    }
    await expectNoHarm();
  });
});

describe('through what a manifest says', () => {
  const yaml = (text: string) => JSON.stringify(text);
  const refused = async (text: string) => {
    await expect(house.apply(text), text).rejects.toSatisfy((error: unknown) => isHeadgateError(error));
  };

  test('names of datasets, fields, relations, grants and tags', async () => {
    for (const value of CORPUS) {
      await refused(`kind: Dataset\nname: ${yaml(value)}\nfields: [{ name: id, type: integer }]`);
      await refused(`kind: Dataset\nname: fine\ntypeName: ${yaml(value)}\nfields: [{ name: id, type: integer }]`);
      await refused(`kind: Dataset\nname: fine\nfields: [{ name: ${yaml(value)}, type: integer }]`);
      await refused(`kind: Dataset\nname: fine\nfields: [{ name: id, type: ${yaml(value)} }]`);
      await refused(`kind: Dataset\nname: fine\nfields: [{ name: id, type: integer, tags: [${yaml(value)}] }]`);
      await refused(`kind: Dataset\nname: fine\nfields: [{ name: id, type: integer }]\nkey: [${yaml(value)}]`);
      await refused(`kind: Dataset\nname: fine\nfields: [{ name: id, type: integer }]\nindexes: [[${yaml(value)}]]`);
      await refused(`kind: Dataset\nname: fine\nfields: [{ name: id, type: integer }]\nrelations: [{ name: ${yaml(value)}, to: orders, on: { id: id } }]`);
      await refused(`kind: Dataset\nname: fine\nfields: [{ name: id, type: integer }]\nrelations: [{ name: r, to: ${yaml(value)}, on: { id: id } }]`);
      await refused(`kind: Grant\nname: ${yaml(value)}\nto: { roles: [x] }\non: { datasets: [orders] }\nfields: { id: allow }`);
      await refused(`kind: Grant\nname: fine\nto: { roles: [x] }\non: { datasets: [${yaml(value)}] }\nfields: { id: allow }`);
      await refused(`kind: Grant\nname: fine\nto: { roles: [x] }\non: { datasets: [orders] }\nfields: { ${yaml(value)}: allow }`);
      await refused(`kind: Grant\nname: fine\nto: { roles: [x] }\non: { datasets: [orders] }\npurposes: [${yaml(value)}]\nfields: { id: allow }`);
    }
    await expectNoHarm();
  });

  test('row filters', async () => {
    const filters = [
      ...CORPUS.filter((text) => text.trim() !== '-- ' && text !== "claim('country')" && text !== "''"),
      "id = 1); INSERT INTO data.canary VALUES ('d'); --",
      'true; DROP TABLE data.orders',
      'id IN (SELECT id FROM data.watchlist)',
      'EXISTS (SELECT 1 FROM data.watchlist)',
      "status = current_setting('server_version')",
      "set_config('role', 'postgres', false) IS NOT NULL",
      "pg_read_file('/etc/passwd') <> ''",
      'pg_sleep(1) IS NULL',
      'status = (SELECT reason FROM data.watchlist LIMIT 1)',
      "dblink('', 'x') IS NULL",
      "lo_import('/etc/passwd') > 0",
      'status = current_user',
      "nextval('x') > 0",
      "query_to_xml('SELECT 1', true, true, '') IS NOT NULL",
      'status = $1',
      "'watchlist'::regclass IS NOT NULL",
      'orders.id = 1 OR pg_catalog.pg_terminate_backend(1)',
      'customers.id = 1',
      '_rid IS NOT NULL',
      'ctid IS NOT NULL',
      'tableoid = 1',
    ];
    for (const rows of filters)
      await refused(`kind: Grant\nname: fine\nto: { roles: [x] }\non: { datasets: [orders] }\nrows: ${yaml(rows)}\nfields: { '*': allow }`);
    await expectNoHarm();
  });

  test('texts in row filters stay texts, and so do names of claims', async () => {
    for (const [i, value] of CORPUS.entries()) {
      const quoted = `'${value.replaceAll("'", "''")}'`;
      await house.apply(
        `kind: Grant\nname: quoted\nto: { roles: [quoted] }\non: { datasets: [orders] }\nrows: ${yaml(`status = ${quoted} OR status = claim(${value === '' ? "'x'" : quoted}) OR id = 101`)}\nfields: { '*': allow }`,
      );
      const { data, errors } = await house.query(principal({ roles: ['quoted'], claims: { [value]: 'lost' } }), '{ orders { nodes { id } } }');
      expect(errors, `${i}: ${value}`).toBeUndefined();
      expect(data['orders']?.nodes).toEqual([{ id: '101' }, { id: '104' }]);
    }
    await expectNoHarm();
  });

  test('descriptions and deprecations are texts of the schema, whatever is in them', async () => {
    await house.database.query('DELETE FROM public.ddl');
    const odd = [
      ...CORPUS,
      '"""',
      '""" } type Query { hacked: String } """',
      '\\"""',
      '# comment',
      '<script>alert(1)</script>',
      '${HEADGATE_SECRET_X} [$]{HOME}',
    ].join('\n');
    await house.apply(
      `kind: Dataset\nname: described\ntypeName: Described\ndescription: ${yaml(odd)}\nfields: [{ name: id, type: integer, description: ${yaml(odd)}, deprecated: ${yaml(odd)} }]\nkey: [id]\n---\nkind: Purpose\nname: odd\ndescription: ${yaml(odd)}`,
    );
    const { data } = await house.query(
      analyst,
      '{ t: __type(name: "Described") { description fields(includeDeprecated: true) { name description deprecationReason } } hacked: __type(name: "hacked") { name } }',
    );
    expect(data).toEqual({ t: { description: odd, fields: [{ name: 'id', description: odd, deprecationReason: odd }] }, hacked: null });
    expect(await house.connection(agent, 'customers', '{ customers { totalCount } }')).toEqual({ totalCount: 2 });
    const [made] = await house.database.query<{ commands: string }>('SELECT string_agg(DISTINCT command, $1 ORDER BY command) AS commands FROM public.ddl', [
      ' ',
    ]);
    expect(made?.commands).toBe('ALTER TABLE CREATE TABLE GRANT');
    await house.database.query('DELETE FROM public.ddl');
    await expectNoHarm();
  });
});

describe("a manifest that names a secret of the server's environment", () => {
  test('no other variable than those meant for it, and no text of the schema gives the value of one', async () => {
    for (const name of ['HOME', 'PATH', 'DATABASE_URL', 'HEADGATE_MASTER_KEY', 'headgate_secret_x', 'HEADGATE_SECRET_X}${HOME', '']) {
      await expect(house.apply(`kind: Purpose\nname: reveals\ndescription: ${JSON.stringify(`\${${name}}`)}`), name).rejects.toSatisfy(isHeadgateError);
    }
    process.env['HEADGATE_SECRET_CANARY'] = 'the secret itself';
    try {
      await house.apply('kind: Dataset\nname: revealing\ntypeName: Revealing\ndescription: "${HEADGATE_SECRET_CANARY}"\nfields: [{ name: id, type: integer }]');
      const { text } = await house.query(analyst, '{ __type(name: "Revealing") { description } }');
      expect(text).toContain('${HEADGATE_SECRET_CANARY}');
      const stored = await house.database.query('SELECT d::text FROM headgate.dataset AS d');
      expect(JSON.stringify(stored)).not.toContain('the secret itself');
    } finally {
      delete process.env['HEADGATE_SECRET_CANARY'];
    }
  });
});

describe('mask expressions as code (CVE-2024-2338 PostgreSQL Anonymizer)', () => {
  test('a mask is one of ours with checked settings, and nothing that is run', async () => {
    for (const mask of [
      '{ mask: sql, expression: "pg_sleep(1)" }',
      "{ mask: 'hash); DROP TABLE data.orders; --' }",
      '{ mask: hash, scope: "x\'; DROP TABLE data.orders; --" }',
      '{ mask: hash, scope: "../key" }',
      '{ mask: partial, first: "1); DROP TABLE data.orders; --" }',
      '{ mask: partial, first: 1e9 }',
      '{ mask: round, step: "1\'; DROP TABLE data.orders; --" }',
      '{ mask: truncate, to: "day\'); --" }',
      '{ mask: redact, with: "x" }',
      '"pg_sleep(1)"',
    ]) {
      await expect(
        house.apply(`kind: Grant\nname: fine\nto: { roles: [x] }\non: { datasets: [customers] }\nfields: { email: ${mask} }`),
        mask,
      ).rejects.toSatisfy(isHeadgateError);
    }
    await expectNoHarm();
  });

  test('the text that stands for what is hidden is a text', async () => {
    for (const filler of CORPUS.filter((text) => text.length <= 10)) {
      await house.apply(
        `kind: Grant\nname: filled\nto: { roles: [filled] }\non: { datasets: [customers] }\nfields: { id: allow, name: { mask: partial, first: 1, with: ${JSON.stringify(filler)} } }`,
      );
      const { nodes } = await house.connection(principal({ roles: ['filled'] }), 'customers', '{ customers(first: 1) { nodes { name } } }');
      expect(nodes).toEqual([{ name: `A${filler.repeat(3)}` }]);
    }
    await expectNoHarm();
  });
});
