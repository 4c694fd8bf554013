import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { apply as applyAs, runEnded } from '../delivery/subjects/people.js';
import { until } from '../support/processes.js';
import { Served } from '../support/served.js';

/** What who may load can not make of it. One process takes requests, and loads wait until another one is started. */
let served: Served;
let admin: string;
/** What the operator has for others to load. */
let files: string;
let web: Server;

const MANIFESTS = `
kind: Purpose
name: marketing
---
kind: Dataset
name: people
fields:
  - { name: id, type: integer }
  - { name: country, type: text }
  - { name: vip, type: boolean }
  - { name: email, type: text }
  - { name: age, type: integer, rules: [{ between: [0, 150] }] }
key: [id]
---
kind: Dataset
name: members
fields: [{ name: id, type: integer }, { name: person, type: text }, { name: age, type: integer, rules: [{ between: [0, 150] }] }]
key: [id]
subject: person
consent: { purposes: [marketing] }
---
kind: Dataset
name: sales
fields: [{ name: id, type: integer }, { name: region, type: text }, { name: seller, type: text }, { name: amount, type: integer, rules: [{ between: [0, 99] }] }]
key: [id]
subject: seller
---
kind: Dataset
name: follows
fields: [{ name: id, type: integer }]
drift: evolve
---
kind: Grant
name: loaders
to: { roles: [loader] }
on: { datasets: [people, members, sales, follows] }
rights: [ingest]
fields: { '*': allow }
---
kind: Grant
name: germans
to: { roles: [german] }
on: { datasets: [people] }
rows: "country = 'DE'"
fields: { '*': allow }
---
kind: Grant
name: exporters
to: { roles: [exporter] }
on: { datasets: [people] }
rights: [export]
rows: "country = 'DE'"
fields: { '*': allow }
---
kind: Grant
name: marketers
to: { roles: [marketer] }
on: { datasets: [people] }
purposes: [marketing]
rows: "country = 'DE'"
fields: { '*': allow }
---
kind: Grant
name: hashed
to: { roles: [partly] }
on: { datasets: [people] }
fields: { '*': allow, email: { mask: hash } }
---
kind: Grant
name: plain_in_germany
to: { roles: [partly] }
on: { datasets: [people] }
rows: "country = 'DE'"
fields: { '*': allow }
---
kind: Grant
name: masks
to: { roles: [masked] }
on: { datasets: [people] }
fields: { '*': allow, email: { mask: sql, sql: "CASE WHEN vip THEN '-' ELSE email END" } }
---
kind: Grant
name: all
to: { roles: [whole] }
on: { datasets: [people, members] }
fields: { '*': allow }
---
kind: Grant
name: sums
to: { roles: [counter] }
on: { datasets: [sales] }
aggregateOnly: { dimensions: [region], measures: [amount], minGroup: 2 }
`;

const REACH = { HEADGATE_OUTBOUND_ALLOW: '127.0.0.1' };

beforeAll(async () => {
  files = await mkdtemp(join(tmpdir(), 'headgate-files-'));
  web = createServer((request, response) => {
    void readFile(join(files, request.url ?? '')).then((bytes) => response.end(bytes));
  }).listen(0, '127.0.0.1');
  served = await Served.start({ HEADGATE_ROLES: 'gateway', ...REACH, HEADGATE_FILES: files });
  admin = await served.token('root', ['admin']);
  await applyAs(served, admin, MANIFESTS);
  for (const [dataset, text] of [
    ['people', 'id,country,vip,email,age\n1,FR,true,hidden@x,200\n'],
    ['members', 'id,person,age\n1,ann,200\n'],
    ['sales', 'id,region,seller,amount\n1,north,ann,100\n'],
  ] as const) {
    expect((await served.upload(admin, dataset, text, {}, '?mode=append')).status).toBe(200);
  }
});
afterAll(async () => {
  await served?.close();
  web?.close();
  await rm(files, { recursive: true, force: true });
});

const REPLAY = 'mutation ($d: String!, $p: JSON) { replayQuarantine(dataset: $d, patch: $p) { id } }';
const replay = (who: string, dataset: string, patch: Record<string, unknown>) =>
  served.ask<{ replayQuarantine: { id: string } }>(who, REPLAY, { d: dataset, p: patch });

/** Starts what does what waits, until the runs have ended. */
async function work(...runs: readonly string[]): Promise<readonly { readonly status: string; readonly error: { readonly code: string } | null }[]> {
  const HEADGATE_MASTER_KEY = (await readFile(join(served.home, 'master.key'), 'utf8')).trim();
  const worker = await served.beside({ HEADGATE_MASTER_KEY, ...REACH, HEADGATE_FILES: files });
  try {
    return await Promise.all(runs.map((run) => runEnded(worker, admin, run)));
  } finally {
    await worker.app.close();
  }
}

describe('a patch', () => {
  test.each([
    ['of a field that the row filter tests', 'german', 'people', { country: 'DE', age: 1 }, 'country'],
    ['of one that a filter of exports tests', 'exporter', 'people', { country: 'DE', age: 1 }, 'country'],
    ['of one that a filter under another purpose tests', 'marketer', 'people', { country: 'DE', age: 1 }, 'country'],
    ['of one by which a mask holds in some rows', 'partly', 'people', { country: 'DE' }, 'country'],
    ['of one that a mask of another field reads', 'masked', 'people', { vip: false }, 'vip'],
    ['of whom a row is about, where consents say which rows are seen', 'whole', 'members', { person: 'bob' }, 'person'],
    // With a grant to load there are no numbers; the role has no grant.
    ['of a dimension of numbers', 'counter', 'sales', { region: 'south' }, 'region'],
    ['of whom a cell of numbers counts', 'counter', 'sales', { seller: 'bob' }, 'seller'],
  ])('%s is refused, and on the record', async (_, role, dataset, patch, field) => {
    const who = await served.token(`lou-${role}`, [role === 'counter' ? 'engineer' : 'loader', role], { purposes: ['marketing'] });
    const { errors } = await replay(who, dataset, patch);
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'FORBIDDEN', dataset, field });
    expect(errors?.[0]?.message).toContain(`depends on "${field}"`);
    expect(
      await served.sql(
        `SELECT details ->> 'field' AS field FROM headgate.audit_record WHERE principal = 'lou-${role}' AND decision = 'DENIED' ORDER BY at DESC LIMIT 1`,
      ),
    ).toEqual([{ field }]);
  });

  test('of other fields is done, and by who sees nothing, or all, any is', async () => {
    const asked = [
      [await served.token('lou', ['loader', 'german']), 'people', { email: 'x@y' }],
      [await served.token('lou', ['loader', 'masked']), 'people', { country: 'DE' }],
      [await served.token('lou', ['loader']), 'people', { country: 'DE' }],
      [await served.token('lou', ['loader', 'whole', 'german']), 'people', { country: 'DE' }],
      [await served.token('eve', ['engineer']), 'people', { country: 'DE' }],
    ] as const;
    for (const [who, dataset, patch] of asked) {
      const { data, errors } = await replay(who, dataset, patch);
      expect(errors).toBeUndefined();
      await served.ask(admin, `mutation { cancelRun(id: "${data.replayQuarantine.id}") { id } }`);
    }
  });
});

describe('a load that waits', () => {
  const INGEST = 'mutation ($c: String!) { ingest(input: { dataset: "people", content: $c, format: csv }) { id } }';
  const ingest = async (id: number, headers: Record<string, string>): Promise<string> => {
    const content = `id,country,vip,email,age\n${id},DE,true,x@y,1\n`;
    const { data, errors } = await served.ask<{ ingest: { id: string } }>(null, INGEST, { c: content }, headers);
    expect(errors).toBeUndefined();
    return data.ingest.id;
  };
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

  test('is not done when the grant, the key or the token with which it was asked for is taken back', async () => {
    await applyAs(
      served,
      admin,
      "kind: Grant\nname: for_a_while\nto: { subjects: [gus] }\non: { datasets: [people] }\nrights: [ingest]\nfields: { '*': allow }\n",
    );
    const { data } = await served.ask<{ createApiKey: { secret: string; apiKey: { id: string } } }>(
      admin,
      'mutation { createApiKey(input: { name: "k", subject: "kim", roles: ["loader"] }) { secret apiKey { id } } }',
    );
    const { secret: key, apiKey } = data.createApiKey;
    const token = await served.token('tom', ['loader']);
    const { jti } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { readonly jti: string };
    const gone = [
      await ingest(11, bearer(await served.token('gus', ['other']))),
      await ingest(12, { 'x-api-key': key }),
      await ingest(13, bearer(token)),
      (await replay(await served.token('gus', ['other']), 'people', { age: 1 })).data.replayQuarantine.id,
    ];
    const stays = [await ingest(14, bearer(await served.token('lou', ['loader']))), await ingest(15, bearer(await served.token('eve', ['engineer'])))];
    await applyAs(served, admin, 'kind: Grant\nname: for_a_while\nstate: absent\n');
    expect((await served.ask(admin, 'mutation ($i: ID!) { revokeApiKey(id: $i) { id } }', { i: apiKey.id })).errors).toBeUndefined();
    expect((await served.ask(admin, 'mutation ($i: ID!) { revokeToken(id: $i) }', { i: jti })).errors).toBeUndefined();
    const ended = await work(...gone, ...stays);
    expect(ended.map(({ status, error }) => `${status} ${error?.code ?? ''}`)).toEqual([
      ...gone.map(() => 'FAILED FORBIDDEN'),
      ...stays.map(() => 'SUCCEEDED '),
    ]);
    expect(await served.sql('SELECT id FROM data.people ORDER BY id')).toEqual([{ id: 14 }, { id: 15 }]);
    const denied = await served.sql(
      "SELECT principal, action FROM headgate.audit_record WHERE decision = 'DENIED' AND details ->> 'run' IS NOT NULL ORDER BY principal, action",
    );
    expect(denied).toEqual([
      { principal: 'gus', action: 'ingest' },
      { principal: 'gus', action: 'quarantine.replay' },
      { principal: 'kim', action: 'ingest' },
      { principal: 'tom', action: 'ingest' },
    ]);
  });

  test('does not do with a grant of now what its patch was not refused for then', async () => {
    const patched = (await replay(await served.token('uma', ['loader']), 'people', { country: 'DE', age: 2 })).data.replayQuarantine.id;
    await applyAs(
      served,
      admin,
      "kind: Grant\nname: late\nto: { subjects: [uma] }\non: { datasets: [people] }\nrows: \"country = 'DE'\"\nfields: { '*': allow }\n",
    );
    expect(await work(patched)).toMatchObject([{ status: 'FAILED', error: { code: 'FORBIDDEN' } }]);
    await applyAs(served, admin, 'kind: Grant\nname: late\nstate: absent\n');
  });

  test('is done, and leaves nothing plain, where a field has become encrypted meanwhile', async () => {
    const contract = (note: string) => `kind: Dataset\nname: notes\nfields: [{ name: id, type: integer }, { name: note, type: text${note} }]\n`;
    const eve = await served.token('eve', ['engineer']);
    const queue = async (id: number) =>
      (
        await served.ask<{ ingest: { id: string } }>(
          eve,
          `mutation { ingest(input: { dataset: "notes", content: "id,note\\n${id},CANARY\\n", format: csv }) { id } }`,
        )
      ).data.ingest.id;
    await applyAs(served, admin, contract(''));
    const before = await queue(1);
    await applyAs(served, admin, contract(', encrypted: true'));
    const after = await queue(2);
    expect(await work(before, after)).toMatchObject([{ status: 'SUCCEEDED' }, { status: 'SUCCEEDED' }]);
    expect(await served.sql("SELECT id, note LIKE 'hge1.%' AS sealed FROM data.notes ORDER BY id")).toEqual([
      { id: 1, sealed: true },
      { id: 2, sealed: true },
    ]);
  });

  test('has its rows, and what stands behind the "?" of its URL, nowhere plain; and when it is over nowhere at all', async () => {
    const lou = bearer(await served.token('lou', ['loader']));
    const rows = await ingest(16, lou);
    const { data } = await served.ask<{ ingest: { id: string } }>(
      null,
      'mutation { ingest(input: { dataset: "people", url: "https://192.168.0.1:9/p.csv?X-Amz-Signature=PRESIGNED" }) { id } }',
      {},
      lou,
    );
    const patched = (await replay(await served.token('lou', ['loader']), 'people', { email: 'PATCHED@x' })).data.replayQuarantine.id;
    const runs = [rows, data.ingest.id, patched];
    const kept = () => served.sql(`SELECT encode(content, 'escape') AS text FROM headgate.run_content WHERE run_id IN ('${runs.join("','")}')`);
    expect(await kept()).toHaveLength(3);
    const everywhere = JSON.stringify([await kept(), await served.sql('SELECT input FROM headgate.run'), await served.sql('SELECT * FROM pgboss.job')]);
    expect(everywhere).not.toMatch(/PRESIGNED|PATCHED|country|https:\/\/192\.168\.0\.1:9\/p\.csv\?/);
    // A URL that may not be reached is refused for good, so that nothing is kept to be tried again.
    expect((await work(...runs)).map(({ status }) => status)).toEqual(['SUCCEEDED', 'FAILED', 'SUCCEEDED']);
    await until('nothing is left', async () => (await kept()).length === 0);
  });
});

describe('of a file of the server, or of what is at a URL, who may load and not read is told nothing that stands in it', () => {
  const KEPT: Readonly<Record<string, string>> = {
    'rows.csv': 'id,country,vip,email,age\n1,CANARY,true,CANARY@x,1\nCANARY,DE,true,CANARY@y,200\n',
    'columns.csv': 'id,country,vip,email,age,CANARY_COLUMN\n1,DE,true,x@y,1,CANARY\n',
    'twice.csv': 'id,country,vip,email,age,CANARY_COLUMN,CANARY_COLUMN\n1,DE,true,x@y,1,CANARY,CANARY\n',
    'first-line.csv': 'CANARY,CANARY2,x,y,z\n1,2,3,4,5\n',
    'members.ndjson': '{"id":1,"CANARY_MEMBER":"CANARY"}\n',
    'members.json': '[{"id":1},{"id":2,"CANARY_MEMBER":"CANARY"}]',
    'broken.json': '[{"id":1,"email":"CANARY',
    'short.csv': 'id,country,vip,email,age\nCANARY,CANARY\n',
    'no-text.csv': 'CANARY\u0000CANARY\n',
  };
  const names = Object.keys(KEPT);
  let loader: string;
  const url = (name: string) => `http://127.0.0.1:${(web.address() as AddressInfo).port}/${name}`;

  beforeAll(async () => {
    loader = await served.token('lou', ['loader']);
    await Promise.all(names.map((name) => writeFile(join(files, name), KEPT[name] ?? '')));
  });

  const PREVIEW = `mutation ($d: String!, $s: String!) { previewIngest(input: { dataset: $d, source: $s }) {
    rowsRead rowsQuarantined drift { field column } reasons { field rule message rows { values } } rows { values } masked } }`;

  test.each(['people', 'follows'])('by a preview of a load into %s', async (dataset) => {
    for (const name of names) {
      const answers = [
        await served.ask(loader, PREVIEW, { d: dataset, s: name }),
        await (await served.upload(loader, dataset, '', {}, `?dryRun=true&url=${encodeURIComponent(url(name))}`)).text(),
      ];
      expect(JSON.stringify(answers), name).not.toContain('CANARY');
    }
    // The columns that are not there are those of the contract, which they know.
    expect((await served.ask(loader, PREVIEW, { d: 'people', s: 'columns.csv' })).errors?.[0]?.message).toMatch(/^columns\.csv:1: The columns|^The columns/);
    // What they send themselves they know.
    const own = await served.upload(loader, dataset, KEPT['members.ndjson'] ?? '', { 'content-type': 'application/x-ndjson' }, '?dryRun=true');
    expect(await own.text()).toContain('CANARY_MEMBER');
    const engineer = await served.token('eve', ['engineer']);
    expect(JSON.stringify(await served.ask(engineer, PREVIEW, { d: 'people', s: 'columns.csv' }))).toContain('CANARY_COLUMN');
  });

  test('by a load, its run, its errors and the quarantine', async () => {
    const INGEST = 'mutation ($s: String, $u: String) { ingest(input: { dataset: "people", source: $s, url: $u }) { id } }';
    // They are done one after the other, since all go into one dataset.
    const given = [{ s: 'rows.csv' }, { s: 'columns.csv' }, { s: 'members.ndjson' }, { u: url('members.json') }];
    const runs = await Promise.all(given.map(async (one) => (await served.ask<{ ingest: { id: string } }>(loader, INGEST, one)).data.ingest.id));
    await work(...runs);
    const told = await Promise.all(
      runs.map((id) =>
        served.ask(
          loader,
          `{ run(id: "${id}") { status rowsRead error { code message details } lastError { message } quarantine { nodes { raw reasons { message } } } } }`,
        ),
      ),
    );
    expect(told.map(({ data }) => (data as { run: { status: string } }).run.status)).toContain('SUCCEEDED');
    expect(JSON.stringify(told)).not.toContain('CANARY');
    const { errors } = await served.ask(loader, '{ quarantine(dataset: "people") { nodes { raw } } }');
    expect(errors?.[0]?.extensions['code']).toBe('FORBIDDEN');
    const uploads = await Promise.all(
      names.map(async (name) => (await served.upload(loader, 'people', '', {}, `?url=${encodeURIComponent(url(name))}`)).text()),
    );
    expect(uploads.join()).not.toContain('CANARY');
    // Nor does the record keep any of it, or what others are told of the runs.
    const kept = await served.sql('SELECT error_message, error_details, last_error FROM headgate.run');
    expect(JSON.stringify([kept, await served.sql('SELECT details FROM headgate.audit_record')])).not.toContain('CANARY');
  });
});
