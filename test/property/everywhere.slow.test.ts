import { Writable } from 'node:stream';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Listener } from '../support/live.js';
import { Served } from '../support/served.js';

/**
 * Two installations that differ only in cells which a principal does not see, or sees masked to a constant, tell that principal
 * the same, whichever way it asks: queries, aggregates, entities, files, subscriptions, reports, quarantine, the catalog, the
 * record. And no value of data is in a log, a metric, an error or the record: a canary is planted in every cell that somebody
 * does not see, and looked for everywhere (OpenMetadata #10542; CVE-2022-46792 Hasura; CVE-2026-35442 Directus).
 */
interface Side {
  readonly served: Served;
  readonly log: string[];
  readonly said: Map<string, string>;
}
const sides: Side[] = [];

/** In every hidden cell of the first side; the second has something else of the same length. */
const CANARY = ['canary7f3a91', 'finch00d2c48'] as const;
const CANARY_NUMBER = ['918273645', '923454321'] as const;

const MANIFESTS = `
kind: Purpose
name: support
---
kind: Dataset
name: people
typeName: Person
subject: id
fields:
  - { name: id, type: integer, required: true }
  - { name: team, type: integer, required: true }
  - { name: name, type: text }
  - { name: email, type: text, tags: [pii.email], rules: [{ matches: '^[^@]+@[^@]+$' }, { unique: true, severity: warn }] }
  - { name: phone, type: text, tags: [pii.phone] }
  - { name: salary, type: integer, rules: [{ between: ['0', '900000000'], severity: warn }] }
  - { name: badge, type: text, visibility: secret }
key: [id]
rules:
  - { name: solvent, check: 'salary > 0' }
relations:
  - { name: notes, to: notes, on: { id: person_id }, many: true }
---
kind: Dataset
name: notes
fields:
  - { name: id, type: integer, required: true }
  - { name: person_id, type: integer }
  - { name: text, type: text }
key: [id]
relations:
  - { name: person, to: people, on: { person_id: id } }
---
kind: Dataset
name: watchlist
visibility: secret
fields:
  - { name: id, type: integer, required: true }
  - { name: who, type: text }
key: [id]
---
kind: Pipeline
name: payroll
steps:
  - { name: sums, sql: "SELECT team, max(salary) AS top, max(email) AS last FROM people GROUP BY team" }
  - { name: out, publish: { to: payroll, key: [team] } }
---
kind: Grant
name: desk
to: { roles: [desk] }
on: { datasets: [people] }
rows: 'team <= 2'
rights: [read, export, subscribe, ingest]
fields: { id: allow, team: allow, name: allow, email: { mask: redact }, salary: { mask: nullify } }
---
kind: Grant
name: whole-desk
to: { roles: [whole] }
on: { datasets: [people] }
fields: { id: allow, team: allow, email: { mask: redact }, salary: deny }
---
kind: Grant
name: notes
to: { roles: [desk, whole] }
on: { datasets: [notes] }
fields: { id: allow, person_id: allow }
---
kind: Grant
name: derived
to: { roles: [desk] }
on: { datasets: [payroll] }
fields: { '*': allow, top: { mask: nullify }, 'tag:pii': { mask: redact } }
`;

/** Who asks, with nothing but what the grants above give; the last four have rights on the control plane and see no cell. */
const WHO = ['desk', 'whole', 'nobody', 'anonymous', 'steward', 'engineer', 'auditor', 'admin'] as const;

const QUERIES: readonly (readonly [name: string, query: string])[] = [
  ['list', '{ people(orderBy: [{ id: ASC }]) { nodes { id team name email phone salary } edges { cursor } pageInfo { endCursor hasNextPage } totalCount } }'],
  ['each field alone', '{ a: people { nodes { email } } b: people { nodes { phone } } c: people { nodes { salary } } }'],
  ['ordered by what is masked', '{ people(orderBy: [{ email: DESC }, { salary: ASC }, { id: ASC }]) { nodes { id } } }'],
  [
    'filtered by what is masked',
    `{ a: people(where: { email: { contains: "canary" } }) { totalCount } b: people(where: { salary: { gt: 5 } }) { totalCount } c: people(where: { email: { matches: "^c" } }) { totalCount } }`,
  ],
  ['filtered by what is hidden', '{ a: people(where: { phone: { startsWith: "c" } }) { totalCount } }'],
  ['aggregates', '{ people { aggregate { count countDistinct { email salary } min { email salary } max { email salary } sum { salary } avg { salary } } } }'],
  ['groups', '{ people { groupBy(keys: [{ email: true }]) { keys { email } aggregate { count } } } }'],
  ['by key', '{ a: peopleByKey(id: 1) { id name email salary } b: peopleByKey(id: 7) { id name } c: peopleByKey(id: 99) { id } }'],
  [
    'over a relation',
    '{ notes(orderBy: [{ id: ASC }]) { nodes { id person { id name email } } } people(where: { notes: { some: { id: { gt: 0 } } } }) { nodes { id notes { totalCount nodes { id text } } } } }',
  ],
  ['through a relation', '{ notes(where: { person: { email: { startsWith: "c" } } }) { totalCount } }'],
  ['ordered through a relation', '{ notes(orderBy: [{ person: { salary: DESC } }, { id: ASC }]) { nodes { id } } }'],
  [
    'entities',
    '{ _entities(representations: [{ __typename: "Person", id: 1 }, { __typename: "Person", id: 7 }, { __typename: "Person", id: 99 }]) { ... on Person { id name email salary phone } } }',
  ],
  ['entities of a secret', '{ _entities(representations: [{ __typename: "Watchlist", id: 1 }]) { __typename } }'],
  ['secret', '{ watchlist { nodes { who } } }'],
  ['secret field', '{ people { nodes { badge } } }'],
  ['derived', '{ payroll(orderBy: [{ team: ASC }]) { nodes { team top last } aggregate { max { last } } } }'],
  [
    'catalog',
    '{ datasets { totalCount nodes { name version rowCount bytes quarantineCount dataVersion fields { name type tags } qualityReport { score accuracy completeness consistency checks { name status observed expected failingRows } } runs { kind status rowsRead rowsLoaded rowsQuarantined error { code message details } steps { name statement } } } } }',
  ],
  ['one dataset', '{ dataset(name: "people") { rowCount qualityReport { score checks { name observed failingRows } } } }'],
  [
    'quality',
    '{ qualityReports(dataset: "people") { totalCount nodes { score accuracy completeness consistency timeliness rowCount checks { name dimension status observed expected failingRows fields } } } }',
  ],
  ['quarantine', '{ quarantine(dataset: "people") { totalCount nodes { line raw reasons { field rule message } } } }'],
  ['runs', '{ runs { totalCount nodes { kind status rowsRead rowsLoaded rowsQuarantined rowsDeduplicated error { code message details } } } }'],
  ['pipelines', '{ pipelines { name output { name rowCount } } }'],
  ['access', '{ access(dataset: "people") { rows rowFilters fields { field access effects } } }'],
  ['grants', '{ grants { name fields rows } }'],
  ['exposure', '{ whoCanSee(tag: "pii", unmasked: false) { dataset field audience effect } }'],
  ['record of processing', '{ processingActivities { purpose datasets { dataset plain masked } gaps } }'],
  ['audit', '{ auditEntries(first: 100) { nodes { principal action dataset fields masked decision rowCount } } }'],
  ['tag proposals', '{ tagProposals(first: 50) { totalCount nodes { dataset { name } field tag status share } } }'],
  ['legal holds', '{ legalHolds { name reason } }'],
  ['consents', '{ consents(subject: "1") { purpose } }'],
  ['the export of a person', 'mutation { exportSubject(subject: "1") { complete withheld masked elsewhere datasets { dataset rows quarantined } } }'],
  [
    'tokens',
    'mutation { detokenize(input: { dataset: "people", field: "email", tokens: ["tok_00000000000000000000000000000000"], reason: "a test" }) { token value } }',
  ],
  ['changes that wait', '{ changeRequests { status accessChanges { field before after } } }'],
  ['uses of grants', '{ grantUses { grant acts } whoSaw(tag: "pii") { field principal } }'],
  ['schema', '{ __schema { types { name fields { name } inputFields { name } enumValues { name } } } }'],
  ['an error of a value', '{ people(where: { id: { eq: "canary" } }) { totalCount } }'],
  ['an error of a variable', 'query ($w: PersonWhere) { people(where: $w) { totalCount } }'],
  ['a pattern that is none', '{ people(where: { name: { matches: "(" } }) { totalCount } }'],
];
const FILES = [
  'format=csv',
  'format=ndjson',
  'format=json',
  'format=parquet',
  'format=csv&fields=id,email,salary&orderBy=-email,id',
  'format=csv&fields=phone',
  'format=csv&fields=badge',
  'format=csv&fields=id&where=%7B%22email%22%3A%7B%22contains%22%3A%22canary%22%7D%7D',
];

beforeAll(async () => {
  for (const side of [0, 1] as const) sides.push(await open(side));
}, 120_000);

afterAll(async () => {
  for (const { served } of sides) await served.close();
});

async function open(side: 0 | 1): Promise<Side> {
  const log: string[] = [];
  const sink = new Writable({ write: (chunk: Buffer, _encoding, done) => (log.push(chunk.toString()), done()) });
  const served = await Served.start({ HEADGATE_MASTER_KEY: Buffer.alloc(32, 5).toString('base64') }, pino({ level: 'trace' }, sink));
  const admin = await served.token('ada', ['admin']);
  const applied = await served.ask(admin, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: MANIFESTS });
  expect(applied.errors).toBeUndefined();
  const [word, number] = [CANARY[side], CANARY_NUMBER[side]];
  // Teams 3 and 4 are hidden from the desk: there all differs but the number of rows.
  const people = Array.from({ length: 8 }, (_, i) => {
    const team = (i % 4) + 1;
    const name = team > 2 ? `${word}${i}` : `name${i}`;
    return `${i + 1},${team},${name},${word}${i}@example.com,+49${word}${i},${number},${word}`;
  });
  // And rows that are refused, for what is hidden: an address without an @, a salary that is no number, a debt.
  const bad = [`11,1,bad,${word},x,1,b`, `12,1,bad,${word}@x,x,${word},b`, `13,1,bad,${word}@y,x,-${number},b`, `14,1,bad,a@b,x,1${word},b`];
  const header = 'id,team,name,email,phone,salary,badge\n';
  const load = (dataset: string, text: string) => served.upload(admin, dataset, text);
  expect((await load('people', header + [...people, ...bad].join('\n') + '\n')).status).toBe(200);
  expect((await load('notes', `id,person_id,text\n1,1,${word}\n2,3,${word}\n3,7,${word}\n`)).status).toBe(200);
  expect((await load('watchlist', `id,who\n1,${word}\n`)).status).toBe(200);
  // Loads that are refused as a whole, and tell why.
  for (const text of [`id,team\n1,"${word}`, `${word},team\n1,2\n`, `id,team,name,email,phone,salary,badge,more\n1,1,a,b,c,1,d,${word}\n`])
    expect((await load('people', text)).status).toBeGreaterThanOrEqual(400);
  await served.ask(admin, 'mutation { runPipeline(name: "payroll") { id } }');
  await vi.waitFor(
    async () => {
      const { data } = await served.ask<{ runs: { nodes: { status: string }[] } }>(admin, '{ runs(pipeline: "payroll") { nodes { status } } }');
      expect(data.runs.nodes[0]?.status).toBe('SUCCEEDED');
    },
    { interval: 50, timeout: 15_000 },
  );
  await served.ask(admin, 'mutation { checkQuality(dataset: "people") { id } }');
  return { served, log, said: new Map() };
}

/** Without what differs from one installation to the next for reasons of its own: ids, times, durations. */
function settled(text: string): string {
  const sorted = (_: string, begin: string, nodes: string) => begin + nodes.split('},{').toSorted().join('},{');
  return (
    text
      .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<id>')
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
      // Entries of one moment have no order.
      .replace(/("auditEntries":\{"nodes":\[\{)(.*?)(?=\}\]\}\})/, sorted)
  );
}

async function tell(who: (typeof WHO)[number], ask: (side: Side, token: string | null) => Promise<string>, keep: string): Promise<void> {
  const said: string[] = [];
  for (const side of sides) {
    const token = who === 'anonymous' ? null : await side.served.token(who, [who], { purposes: ['support'] });
    const text = settled(await ask(side, token));
    side.said.set(`${who}: ${keep}`, text);
    said.push(text);
  }
  expect(said[1]).toBe(said[0]);
}

async function graphql({ served }: Side, token: string | null, query: string, variables = {}): Promise<string> {
  const response = await fetch(`${served.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token !== null && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ query, variables }),
  });
  const headers = ['content-type', 'cache-control', 'vary', 'content-length'].map((name) => response.headers.get(name));
  return `${response.status} ${headers.join(' ')} ${await response.text()}`;
}

describe.each(WHO)('%s', (who) => {
  test.each(QUERIES)('%s', async (name, query) => {
    await tell(who, (side, token) => graphql(side, token, query, { w: { name: { eq: 5 } } }), name);
  });

  test.each(FILES)('a file: %s', async (settings) => {
    await tell(
      who,
      async ({ served }, token) => {
        const response = await fetch(`${served.url}/export/people?${settings}`, { headers: token === null ? {} : { authorization: `Bearer ${token}` } });
        const headers = ['content-type', 'content-disposition'].map((header) => response.headers.get(header));
        return `${response.status} ${headers.join(' ')} ${Buffer.from(await response.arrayBuffer()).toString('latin1')}`;
      },
      `file ${settings}`,
    );
  });

  test('events', async () => {
    await tell(
      who,
      async ({ served }, token) => {
        const params = token === null ? undefined : { authorization: `Bearer ${token}` };
        const listeners = [
          'subscription { peopleChanged { nodes { id team name email salary } } }',
          'subscription { datasetChanged(dataset: "people") { dataVersion rowCount dataset { name rowCount } } }',
        ].map((query) => new Listener(served.url, params, { query }));
        // Each has begun, or was refused: both are on the record.
        const begun = `SELECT count(*)::int AS n FROM headgate.audit_record WHERE action = 'subscribe' AND principal = '${who}'`;
        await vi.waitFor(async () => expect(await served.sql(begun)).toEqual([{ n: listeners.length }]), { interval: 20, timeout: 15_000 });
        const number = 100 + WHO.indexOf(who) * 2;
        const side = sides.findIndex((one) => one.served === served) as 0 | 1;
        const rows = `id,team,name,email,phone,salary,badge\n${number},1,new,${CANARY[side]}@new${number},x,${CANARY_NUMBER[side]},b\n${number + 1},4,${CANARY[side]},${CANARY[side]}@n${number},x,1,b\n`;
        expect((await served.upload(await served.token('eve', ['engineer']), 'people', rows)).status).toBe(200);
        await vi.waitFor(() => expect(listeners.every(({ texts, ends }) => texts.length > 0 || ends.length > 0)).toBe(true), { interval: 20, timeout: 15_000 });
        const told = listeners.map(({ texts, ends }) => JSON.stringify([texts.toSorted(), ends]));
        for (const listener of listeners) await listener.close();
        return told.join('\n');
      },
      'events',
    );
  });
});

describe('the canary', () => {
  const isTold = (text: string) => text.includes(CANARY[0]) || text.includes(CANARY_NUMBER[0]);

  test('is in the data, where this test would find it', async () => {
    const [first] = sides;
    expect(isTold(JSON.stringify(await first?.served.sql('SELECT email, salary FROM data.people')))).toBe(true);
    expect(isTold(JSON.stringify(await first?.served.sql('SELECT raw FROM headgate.quarantined_row')))).toBe(true);
  });

  test('is in no answer', () => {
    const [first] = sides;
    expect(first?.said.size).toBe(WHO.length * (QUERIES.length + FILES.length + 1));
    expect([...(first?.said ?? [])].filter(([, text]) => isTold(text)).map(([asked]) => asked)).toEqual([]);
  });

  test('is in no line of the log, at its finest level', () => {
    const [first] = sides;
    expect(first?.log.length).toBeGreaterThan(100);
    expect(first?.log.filter(isTold)).toEqual([]);
  });

  test('is in no metric', async () => {
    const [first] = sides;
    const text = await (await fetch(`${first?.served.url}/metrics`)).text();
    expect(text).toContain('headgate_');
    expect(isTold(text)).toBe(false);
  });

  test('is in no table of ours but the quarantine: not in the record, in runs, their errors, reports, jobs', async () => {
    const [first] = sides;
    const tables = (await first?.served.sql(
      "SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema', 'data')",
    )) as { name: string }[];
    expect(tables.map(({ name }) => name)).toContain('headgate.audit_entry');
    const found: string[] = [];
    for (const { name } of tables) {
      const rows = (await first?.served.sql(`SELECT t::text AS row FROM ${name} AS t`)) as { row: string }[];
      if (rows.some(({ row }) => isTold(row))) found.push(name);
    }
    expect(found).toEqual(['headgate.quarantined_row']);
  });
});
