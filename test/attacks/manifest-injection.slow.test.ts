import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { isHeadgateError } from '../../src/kernel/index.js';
import { PRINCIPALS } from '../cases/principals.js';
import { principal, type House } from '../support/house.js';
import { CORPUS, expectNoHarm, openCanary } from './canary.js';

/** Whatever a manifest says stays a name that was checked, a text, or an expression that was taken apart. */
const { agent, analyst } = PRINCIPALS;
let house: House;

beforeAll(async () => {
  house = await openCanary();
});
afterAll(() => house?.close());
beforeEach(async () => {
  house.statements.length = 0;
  await house.database.query('DELETE FROM public.ddl');
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
    await expectNoHarm(house);
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
    await expectNoHarm(house);
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
    await expectNoHarm(house);
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
    await expectNoHarm(house);
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
    await expectNoHarm(house);
  });

  test('the text that stands for what is hidden is a text', async () => {
    for (const filler of CORPUS.filter((text) => text.length <= 10)) {
      await house.apply(
        `kind: Grant\nname: filled\nto: { roles: [filled] }\non: { datasets: [customers] }\nfields: { id: allow, name: { mask: partial, first: 1, with: ${JSON.stringify(filler)} } }`,
      );
      const { nodes } = await house.connection(principal({ roles: ['filled'] }), 'customers', '{ customers(first: 1) { nodes { name } } }');
      expect(nodes).toEqual([{ name: `A${filler.repeat(3)}` }]);
    }
    await expectNoHarm(house);
  });
});
