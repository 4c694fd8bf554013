import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../support/processes.js';
import { Served } from '../support/served.js';
import { applied, expectPlain, expectProblem, loaded, Witness } from './refusal.js';

const MANIFESTS = `
kind: Purpose
name: support
---
kind: Dataset
name: orders
fields:
  - { name: id, type: bigint }
  - { name: name, type: text }
  - { name: price, type: decimal }
key: [id]
relations:
  - { name: sales, to: sales, on: { id: order_id }, many: true }
---
kind: Dataset
name: sales
fields: [{ name: id, type: bigint }, { name: order_id, type: bigint }]
key: [id]
---
kind: Pipeline
name: prices
steps:
  - { name: dear, transform: { from: orders, select: [id, price] } }
  - { publish: { to: prices, key: [id] } }
`;

let served: Served;
let witness: Witness;
let admin: string;
let files: string;

beforeAll(async () => {
  files = await mkdtemp(join(tmpdir(), 'headgate-files-'));
  await mkdir(join(files, 'folder.csv'));
  await writeFile(join(files, 'ragged.csv'), 'id,name,price\n3,c,1\n4,d\n');
  await writeFile(join(files, 'orders.xls'), 'id\n1\n');
  await symlink('/etc/hostname', join(files, 'outside.csv'));
  served = await Served.start({ HEADGATE_FILES: files });
  witness = await Witness.of(served);
  admin = await served.token('ada', ['admin']);
  await applied(served, MANIFESTS);
  await loaded(served, 'orders', 'id,name,price\n1,one,1.50\n2,two,2\n');
});

afterAll(async () => {
  await witness.close();
  await served.close();
  await rm(files, { recursive: true, force: true });
});

const dataset = (name: string, more = ''): string =>
  `kind: Dataset\nname: ${name}\nfields:\n  - { name: id, type: bigint }\n  - { name: t, type: text }\n${more}`;
const pipeline = (step: string, to = 'made'): string => `kind: Pipeline\nname: p\nsteps:\n  - ${step}\n  - { publish: { to: ${to} } }\n`;
const grant = (more: string): string => `kind: Grant\nname: g\nto: { roles: [analyst] }\n${more}\nfields: { '*': allow }\n`;

/** Manifests that can't be applied, with the place that the error has to name. */
const BAD: readonly (readonly [what: string, text: string, code: string, line: number, path: string, says: RegExp])[] = [
  ['no YAML', 'kind: Dataset\nname: [x\n', 'BAD_USER_INPUT', 3, '', /this is not YAML/],
  ['an unknown kind', 'kind: Datasets\nname: x\n', 'BAD_USER_INPUT', 1, 'kind', /Did you mean "Dataset"\? Known: /],
  ['an unknown key', dataset('x', 'kee: [id]\n'), 'BAD_USER_INPUT', 6, 'kee', /unknown key "kee".* Did you mean "key"\?/],
  [
    'an unknown key deep within',
    'kind: Dataset\nname: x\nfields:\n  - { name: id, type: bigint, tgas: [a] }\n',
    'BAD_USER_INPUT',
    4,
    'fields[0].tgas',
    /Did you mean "tags"\?/,
  ],
  ['an unknown type', 'kind: Dataset\nname: x\nfields:\n  - { name: id, type: string }\n', 'BAD_USER_INPUT', 4, 'fields[0].type', /unknown type "string"/],
  ['a reserved name', dataset('runs'), 'BAD_USER_INPUT', 2, 'name', /reserved: "runs" is a field of the control plane.*Choose another name/],
  ['a name that is reserved for one row of it', dataset('node'), 'BAD_USER_INPUT', 2, 'name', /reserved/],
  ['a name whose type is reserved', dataset('page_info'), 'BAD_USER_INPUT', 2, 'name', /PageInfo.*reserved.*Give it another one with typeName/],
  ['a reserved type', dataset('x', 'typeName: Query\n'), 'BAD_USER_INPUT', 6, 'typeName', /type name Query is reserved.*Choose another one/],
  ['a reserved field', 'kind: Dataset\nname: x\nfields:\n  - { name: and, type: text }\n', 'BAD_USER_INPUT', 4, 'fields[0].name', /"and" is reserved/],
  ['a name that is SQL', dataset('"x; DROP TABLE data.orders"'), 'BAD_USER_INPUT', 2, 'name', /lower-case/i],
  [
    'a relation to nowhere',
    dataset('x', 'relations: [{ name: r, to: ordres, on: { id: id } }]\n'),
    'BAD_USER_INPUT',
    6,
    'relations[0].to',
    /Did you mean "orders"\?/,
  ],
  ['a check that is no SQL', dataset('x', 'rules: [{ name: r, check: "id >" }]\n'), 'BAD_USER_INPUT', 6, 'rules[0].check', /can't be used/],
  ['a check that reads files', dataset('x', `rules: [{ name: r, check: "pg_read_file('x') = t" }]\n`), 'BAD_USER_INPUT', 6, 'rules[0].check', /can't be used/],
  ['another variable than a secret', dataset('x', 'description: "${DATABASE_URL}"\n'), 'BAD_USER_INPUT', 6, 'description', /HEADGATE_SECRET_/],
  ['a source without a URL', 'kind: Source\nname: crm\ntype: postgres\n', 'BAD_USER_INPUT', 1, 'url', /this is missing/],
  ['a source of a kind that there is not', 'kind: Source\nname: crm\ntype: kinesis\n', 'BAD_USER_INPUT', 3, 'type', /postgres/],
  [
    'a column that rows keep from its type',
    'kind: Dataset\nname: orders\nfields:\n  - { name: id, type: bigint }\n  - { name: name, type: integer }\n  - { name: price, type: decimal }\nkey: [id]\n',
    'CONFLICT',
    5,
    'fields[1].type',
    /name/,
  ],
  ['a dataset that others need', 'kind: Dataset\nname: sales\nstate: absent\n', 'CONFLICT', 2, 'name', /Dataset orders needs it/],
  ['a dataset that a pipeline makes', dataset('prices'), 'CONFLICT', 2, 'name', /is made by .*prices; change or remove that instead/],
  ['a grant on an unknown dataset', grant('on: { datasets: [ordres] }'), 'BAD_USER_INPUT', 4, 'on.datasets[0]', /There is no dataset "ordres".*Known: orders/],
  ['a grant with rows that are no SQL', grant('on: { datasets: [orders] }\nrows: "id ="'), 'BAD_USER_INPUT', 5, 'rows', /./],
  [
    'a grant with an unknown mask',
    grant('on: { datasets: [orders] }').replace("'*': allow", 'name: { mask: blur }'),
    'BAD_USER_INPUT',
    5,
    'fields.name.mask',
    /redact|one of/,
  ],
  [
    'a grant for an unknown purpose',
    grant('on: { datasets: [orders] }\npurposes: [suport]'),
    'BAD_USER_INPUT',
    5,
    'purposes[0]',
    /There is no purpose "suport"\. Declare it with a document of kind Purpose/,
  ],
  ['a step that reads nothing', pipeline('{ name: s, transform: { from: ordres, limit: 1 } }'), 'BAD_USER_INPUT', 4, 'steps[0].transform.from', /ordres/],
  ['a step that writes', pipeline('{ name: s, sql: "DELETE FROM orders" }'), 'BAD_USER_INPUT', 4, 'steps[0].sql', /SELECT/],
  ['a step to a dataset of a document', pipeline('{ name: s, transform: { from: orders, limit: 1 } }', 'sales'), 'CONFLICT', 5, 'steps[1].publish.to', /sales/],
];

describe('a manifest that is not right changes nothing, and is told with file, line and path', () => {
  test.each(BAD)('%s', async (_what, text, code, line, path, says) => {
    // A good document before the bad one must not stay either.
    const whole = `kind: Purpose\nname: before\n---\n${text}`;
    await witness.changingNothing(async () => {
      const headers = { authorization: `Bearer ${admin}`, 'content-type': 'application/json' };
      const body = JSON.stringify({ files: [{ file: 'shop/bad.yaml', text: whole }] });
      const response = await fetch(`${served.url}/manifests`, { method: 'POST', headers, body });
      const status = code === 'CONFLICT' ? 409 : 400;
      const details = { file: 'shop/bad.yaml', line: line + 3, column: expect.any(Number) as number, ...(path && { path }) };
      const problem = await expectProblem(response, status, { code, says, details });
      expect(problem['detail']).toMatch(new RegExp(`^shop/bad\\.yaml:${line + 3}:\\d+: `));

      const { data, errors } = await served.ask(admin, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: whole });
      expectPlain(JSON.stringify(errors));
      expect(data).toBeNull();
      expect(errors).toMatchObject([
        { message: expect.stringMatching(says) as string, extensions: { code, file: 'manifest', line: line + 3, ...(path && { path }) } },
      ]);
    });
  });

  test('nothing at all', async () => {
    const { errors } = await served.ask(admin, 'mutation { applyManifest(manifest: "# nothing") { version } }');
    expect(errors).toMatchObject([
      { message: expect.stringMatching(/no document in manifest.*"kind: Dataset"/) as string, extensions: { code: 'BAD_USER_INPUT' } },
    ]);
  });
});

const INGEST = 'mutation ($input: IngestInput!) { ingest(input: $input) { id } }';

describe('a load that is asked for by mutation', () => {
  test.each<[what: string, input: object, code: string, says: RegExp]>([
    ['of an unknown dataset', { dataset: 'ordrs', content: 'id\n', format: 'csv' }, 'NOT_FOUND', /no dataset "ordrs"/],
    ['of nothing', { dataset: 'orders' }, 'BAD_USER_INPUT', /exactly one of source, url and content/],
    ['of two things', { dataset: 'orders', content: 'id\n', source: 'x.csv' }, 'BAD_USER_INPUT', /exactly one of source, url and content/],
    ['of content without a format', { dataset: 'orders', content: 'id\n' }, 'BAD_USER_INPUT', /Expected rows as csv/],
    ['of a file that is missing', { dataset: 'orders', source: 'none.csv' }, 'NOT_FOUND', /There is no file "none\.csv"/],
    ['of a file of another kind', { dataset: 'orders', source: 'orders.xls' }, 'BAD_USER_INPUT', /Expected rows as.*"orders\.xls"/],
    ['of a folder', { dataset: 'orders', source: 'folder.csv' }, 'BAD_USER_INPUT', /"folder\.csv" is not a file with rows but a folder/],
    ['of a file outside', { dataset: 'orders', source: '../x.csv' }, 'BAD_USER_INPUT', /below the configured folder, without "\.\."/],
    ['of a link to the outside', { dataset: 'orders', source: 'outside.csv' }, 'NOT_FOUND', /There is no file "outside\.csv"/],
    ['into what a pipeline makes', { dataset: 'prices', content: 'id\n', format: 'csv' }, 'BAD_USER_INPUT', /made by the pipeline "prices"/],
    [
      'in a mode that there is not',
      { dataset: 'orders', content: 'id\n', format: 'csv', mode: 'upsert' },
      'BAD_USER_INPUT',
      /"upsert" does not exist in "LoadMode"/,
    ],
  ])('%s is refused at once, without a run', async (_what, input, code, says) => {
    const runs = await witness.runs();
    await witness.changingNothing(async () => {
      const { errors } = await served.ask(admin, INGEST, { input });
      expectPlain(JSON.stringify(errors));
      expect(errors).toMatchObject([{ message: expect.stringMatching(says) as string, extensions: { code } }]);
    });
    expect(await witness.runs()).toBe(runs);
  });

  test.each<[what: string, input: object, says: RegExp, details: object]>([
    [
      'content with a ragged line',
      { content: 'id,name,price\n3,c,1\n4,d\n', format: 'csv' },
      /The line has 2 fields; the header has 3/,
      { line: 3, expected: 3, actual: 2 },
    ],
    ['content with an extra column', { content: 'id,name,price,colour\n', format: 'csv' }, /not in the contract: colour/, { line: 1, extra: ['colour'] }],
    ['content that is no array', { content: '{"id": 3}', format: 'json' }, /Expected a JSON array/, { line: 1, column: 1 }],
    ['empty content', { content: '', format: 'csv' }, /empty/, {}],
    ['a file with a ragged line', { source: 'ragged.csv' }, /^ragged\.csv:3: The line has 2 fields/, { line: 3, file: 'ragged.csv' }],
  ])('%s fails on the worker, and its run says why', async (_what, input, says, details) => {
    await witness.changingNothing(async () => {
      const { data, errors } = await served.ask<{ ingest: { id: string } }>(admin, INGEST, { input: { dataset: 'orders', ...input } });
      expect(errors).toBeUndefined();
      const { id } = data.ingest;
      const run = async () =>
        (await served.ask<{ run: { status: string } }>(admin, 'query ($id: ID!) { run(id: $id) { status rowsLoaded error { code message details } } }', { id }))
          .data.run;
      await until('the run is over', async () => (await run()).status === 'FAILED');
      const found = await run();
      expectPlain(JSON.stringify(found));
      expect(found).toEqual({
        status: 'FAILED',
        rowsLoaded: '0',
        error: { code: 'DATA_REJECTED', message: expect.stringMatching(says) as string, details: expect.objectContaining(details) as object },
      });
    });
  });
});
