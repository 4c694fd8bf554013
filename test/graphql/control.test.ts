import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Served } from '../support/served.js';

/** The control plane over HTTP, on the whole program. */
let served: Served;
let files: string;
const tokens: Record<string, string> = {};

interface RunAnswer {
  readonly id: string;
  readonly status: string;
  readonly [field: string]: unknown;
}

const MANIFESTS = `
kind: Dataset
name: people
typeName: Person
description: Some people.
fields:
  - { name: id, type: integer, required: true }
  - { name: email, type: text, tags: [pii.email], rules: [{ matches: '^[^@]+@[^@]+$' }] }
  - { name: badge, type: text, visibility: secret }
key: [id]
---
kind: Dataset
name: vault
visibility: secret
fields: [{ name: id, type: integer, required: true }]
key: [id]
---
kind: Grant
name: analysts
to: { roles: [analyst] }
on: { datasets: [people] }
fields: { '*': allow, email: { mask: email } }
---
kind: Grant
name: loaders
to: { roles: [loader] }
on: { datasets: [people] }
rights: [ingest]
fields: { '*': allow }
`;

beforeAll(async () => {
  files = await mkdtemp(join(tmpdir(), 'headgate-files-'));
  await mkdir(join(files, 'sub'));
  await writeFile(join(files, 'sub', 'more.ndjson'), '{"id":10,"email":"j@example.com"}\n{"id":11,"email":"no address"}\n');
  served = await Served.start({ HEADGATE_FILES: files });
  for (const role of ['admin', 'steward', 'engineer', 'auditor', 'analyst', 'loader', 'other']) tokens[role] = await served.token(role, [role]);
  const { errors } = await served.ask(tok('admin'), 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: MANIFESTS });
  expect(errors).toBeUndefined();
  expect((await served.upload(tok('engineer'), 'people', 'id,email,badge\n1,a@example.com,B1\n2,not an address,B2\n')).status).toBe(200);
});

afterAll(async () => {
  await served?.close();
  await rm(files, { recursive: true, force: true });
});

function tok(role: string): string {
  return tokens[role] ?? '';
}

async function code(role: string | null, query: string, variables = {}): Promise<unknown> {
  const { errors } = await served.ask(role === null ? null : tok(role), query, variables);
  return errors?.[0]?.extensions['code'] ?? 'allowed';
}

async function finished(id: string): Promise<RunAnswer> {
  for (;;) {
    const { data } = await served.ask<{ run: RunAnswer }>(
      tok('engineer'),
      'query ($id: ID!) { run(id: $id) { id status rowsRead rowsLoaded rowsQuarantined rowsDeduplicated error { code } steps { name kind } } }',
      { id },
    );
    if (data.run.status !== 'QUEUED' && data.run.status !== 'RUNNING') return data.run;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('who may ask what', () => {
  test.each([
    ['{ auditEntries { totalCount } }', ['admin', 'auditor']],
    ['{ auditVerification { valid } }', ['admin', 'auditor']],
    ['{ grants { name } }', ['admin', 'steward', 'auditor']],
    ['{ apiKeys { id } }', ['admin', 'steward']],
    ['{ runs { totalCount } }', ['admin', 'steward', 'engineer', 'auditor']],
    ['{ qualityReports { totalCount } }', ['admin', 'steward', 'engineer', 'auditor']],
    ['{ access(dataset: "people", as: { roles: ["analyst"] }) { rows } }', ['admin', 'steward']],
    ['mutation { runPipeline(name: "none") { id } }', []],
    ['mutation { checkQuality(dataset: "people") { id } }', ['admin', 'engineer']],
    ['mutation { createApiKey(input: { name: "k", subject: "s", roles: ["analyst"] }) { secret } }', ['admin', 'steward']],
    ['mutation { deleteGrant(name: "no-such") }', ['admin', 'steward']],
  ])('%s', async (query, allowed) => {
    for (const role of ['admin', 'steward', 'engineer', 'auditor', 'analyst', 'other']) {
      const got = await code(role, query);
      if (allowed.includes(role)) expect(got, role).toBe('allowed');
      else expect(['FORBIDDEN', 'NOT_FOUND'], `${role} got ${String(got)}`).toContain(got);
    }
    expect(await code(null, query)).toBe('UNAUTHENTICATED');
  });

  test('each kind of manifest has its keepers', async () => {
    const apply = 'mutation ($m: String!) { applyManifest(manifest: $m, dryRun: true) { dryRun } }';
    const purpose = { m: 'kind: Purpose\nname: research\n' };
    const dataset = { m: 'kind: Dataset\nname: things\nfields: [{ name: id, type: integer }]\n' };
    expect(await code('steward', apply, purpose)).toBe('allowed');
    expect(await code('engineer', apply, purpose)).toBe('FORBIDDEN');
    expect(await code('engineer', apply, dataset)).toBe('allowed');
    expect(await code('steward', apply, dataset)).toBe('FORBIDDEN');
    expect(await code('auditor', apply, dataset)).toBe('FORBIDDEN');
    expect(await code('steward', 'mutation { createApiKey(input: { name: "k", subject: "s", roles: ["admin"] }) { secret } }')).toBe('FORBIDDEN');
  });

  test('every refusal is on the record', async () => {
    await code('other', '{ grants { name } }');
    const { data } = await served.ask<{ auditEntries: { nodes: unknown[] } }>(
      tok('auditor'),
      '{ auditEntries(first: 1, where: { principal: "other", action: "grants" }) { nodes { action decision details } } }',
    );
    expect(data.auditEntries.nodes).toEqual([{ action: 'grants', decision: 'DENIED', details: { code: 'FORBIDDEN' } }]);
  });
});

describe('secret names', () => {
  test('do not exist for whoever has no grant on them', async () => {
    const catalog = '{ datasets { totalCount nodes { name fields { name } } } d: dataset(name: "vault") { name } }';
    const analyst = await served.ask(tok('analyst'), catalog);
    expect(analyst.data).toEqual({ datasets: { totalCount: 1, nodes: [{ name: 'people', fields: [{ name: 'id' }, { name: 'email' }] }] }, d: null });
    const engineer = await served.ask<{ d: unknown }>(tok('engineer'), catalog);
    expect(engineer.data.d).toEqual({ name: 'vault' });
    for (const ask of [
      (name: string) => `{ access(dataset: "${name}") { rows } }`,
      (name: string) => `{ quarantine(dataset: "${name}") { totalCount } }`,
      (name: string) => `{ qualityReports(dataset: "${name}") { totalCount } }`,
      (name: string) => `mutation { ingest(input: { dataset: "${name}", content: "x", format: csv }) { id } }`,
    ]) {
      const [secret, absent] = [await served.ask(tok('analyst'), ask('vault')), await served.ask(tok('analyst'), ask('nowhere'))];
      expect(JSON.stringify(secret).replaceAll('vault', '?')).toBe(JSON.stringify(absent).replaceAll('nowhere', '?'));
    }
    const uploads = [await served.upload(tok('analyst'), 'vault', 'id\n1\n'), await served.upload(tok('analyst'), 'nowhere', 'id\n1\n')];
    const bodies = await Promise.all(uploads.map((upload) => upload.text()));
    expect(bodies[0]?.replaceAll('vault', '?')).toBe(bodies[1]?.replaceAll('nowhere', '?'));
  });

  test('stay out of explanations and reports', async () => {
    expect(JSON.stringify((await served.ask(tok('analyst'), '{ access(dataset: "people") { fields { field } } }')).data)).not.toContain('badge');
    const { data } = await served.ask<{ dataset: { qualityReport: { checks: { name: string; fields: string[] }[] } } }>(
      tok('analyst'),
      '{ dataset(name: "people") { rowCount qualityReport { checks { name fields } } } }',
    );
    // Nor is a check on a field told that they see masked only.
    expect(data.dataset.qualityReport.checks.flatMap((check) => check.fields)).not.toContain('email');
    expect(JSON.stringify(data)).not.toContain('badge');
  });
});

describe('loads', () => {
  test('a queued load of inline content is done by a worker, once for one key', async () => {
    const ingest =
      'mutation ($c: String!) { ingest(input: { dataset: "people", content: $c, format: csv, mode: merge, idempotencyKey: "k1" }) { id status kind } }';
    const first = await served.ask<{ ingest: RunAnswer }>(tok('engineer'), ingest, { c: 'id,email,badge\n3,c@example.com,\n1,a@example.com,B1\n' });
    expect(first.data.ingest).toMatchObject({ kind: 'INGESTION', status: 'QUEUED' });
    expect(await finished(first.data.ingest.id)).toMatchObject({
      status: 'SUCCEEDED',
      rowsRead: '2',
      rowsLoaded: '1',
      rowsQuarantined: '0',
      rowsDeduplicated: '1',
    });
    const again = await served.ask<{ ingest: RunAnswer }>(tok('engineer'), ingest, { c: 'id,email,badge\n3,c@example.com,\n1,a@example.com,B1\n' });
    expect(again.data.ingest.id).toBe(first.data.ingest.id);
  });

  test('a file is read below the configured folder only', async () => {
    const ingest = 'mutation ($s: String!) { ingest(input: { dataset: "people", source: $s }) { id } }';
    const { data } = await served.ask<{ ingest: RunAnswer }>(tok('engineer'), ingest, { s: 'sub/more.ndjson' });
    expect(await finished(data.ingest.id)).toMatchObject({ status: 'SUCCEEDED', rowsRead: '2', rowsLoaded: '1', rowsQuarantined: '1' });
    for (const source of ['../../etc/passwd', '/etc/passwd', 'sub/none.csv']) {
      expect(['BAD_USER_INPUT', 'NOT_FOUND']).toContain(await code('engineer', ingest, { s: source }));
    }
    expect(await code('engineer', 'mutation { ingest(input: { dataset: "people" }) { id } }')).toBe('BAD_USER_INPUT');
  });

  test('the right to ingest can be granted, and gives no right to read', async () => {
    expect((await served.upload(tok('loader'), 'people', 'id,email,badge\n20,l@example.com,\n')).status).toBe(200);
    expect((await served.upload(tok('analyst'), 'people', 'id,email,badge\n21,l@example.com,\n')).status).toBe(403);
    expect((await served.upload(null, 'people', 'id,email,badge\n21,l@example.com,\n')).status).toBe(401);
    expect(await code('loader', '{ people { totalCount } }')).toBe('FORBIDDEN');
  });

  test('refused rows show the values that one may see, and why of those', async () => {
    const query = '{ quarantine(dataset: "people", first: 1) { totalCount nodes { line raw reasons { field rule } } pageInfo { hasNextPage endCursor } } }';
    const { data } = await served.ask<{ quarantine: { nodes: unknown[]; pageInfo: { endCursor: string } } }>(tok('analyst'), query);
    // Plain is what they see plain; badge they can't know of; a reason about a field that they see masked would tell of its value.
    expect(data.quarantine.nodes).toEqual([{ line: '3', raw: { id: '2', email: null }, reasons: [] }]);
    expect(await code('other', query)).toBe('FORBIDDEN');
    const engineer = await served.ask<{ quarantine: { nodes: { raw: object; reasons: object[] }[] } }>(tok('engineer'), query);
    expect(engineer.data.quarantine.nodes[0]?.reasons).toEqual([{ field: 'email', rule: 'matches' }]);
    expect(engineer.data.quarantine.nodes[0]?.raw).toEqual({ id: null, email: null, badge: null });
    const next = await served.ask(tok('analyst'), `{ quarantine(dataset: "people", after: "${data.quarantine.pageInfo.endCursor}") { nodes { raw } } }`);
    expect(next.data).toEqual({ quarantine: { nodes: [{ raw: { id: '11', email: null } }] } });
    expect(await code('analyst', '{ quarantine(dataset: "people", after: "junk") { totalCount } }')).toBe('BAD_USER_INPUT');
  });
});

describe('keys and tokens', () => {
  test('a key works until it is revoked', async () => {
    const { data } = await served.ask<{ createApiKey: { secret: string; apiKey: { id: string } } }>(
      tok('steward'),
      'mutation { createApiKey(input: { name: "robot", subject: "robot", roles: ["analyst"] }) { secret apiKey { id } } }',
    );
    const { secret, apiKey } = data.createApiKey;
    const me = () => served.ask<{ me: { sub: string } }>(null, '{ me { sub roles } }', {}, { 'x-api-key': secret });
    expect((await me()).data.me).toEqual({ sub: 'robot', roles: ['analyst'] });
    await served.ask(tok('steward'), 'mutation ($id: ID!) { revokeApiKey(id: $id) { revokedAt } }', { id: apiKey.id });
    await expect.poll(async () => (await me()).status, { timeout: 5_000 }).toBe(401);
  });

  test('a purpose must be among those of the token', async () => {
    const token = await served.token('p', ['analyst'], { purposes: ['support'] });
    expect((await served.ask(token, '{ me { purpose } }', {}, { 'x-purpose': 'support' })).data).toEqual({ me: { purpose: 'support' } });
    expect(await served.ask(token, '{ me { purpose } }', {}, { 'x-purpose': 'marketing' })).toMatchObject({
      status: 403,
      errors: [{ extensions: { code: 'FORBIDDEN' } }],
    });
  });
});

test('pages of every list go on where they ended', async () => {
  for (const [list, node] of [
    ['auditEntries', 'id'],
    ['runs', 'id'],
    ['qualityReports', 'id'],
    ['datasets', 'name'],
  ] as const) {
    // To look at the record is on the record: those who look at it page by page say until when.
    const until = list === 'auditEntries' ? `, where: { to: "${new Date().toISOString()}" }` : '';
    const query = (after: string) =>
      `{ ${list}(first: 2${until}${after && `, after: "${after}"`}) { totalCount nodes { ${node} } pageInfo { hasNextPage endCursor } } }`;
    const seen: unknown[] = [];
    let after = '';
    let total = 0;
    for (let more = true; more;) {
      const { data, errors } = await served.ask<
        Record<string, { totalCount: number; nodes: Record<string, unknown>[]; pageInfo: { hasNextPage: boolean; endCursor: string } }>
      >(tok('admin'), query(after));
      expect(errors).toBeUndefined();
      const page = data[list];
      if (!page) throw new Error(list);
      seen.push(...page.nodes.map((entry) => entry[node]));
      ({ hasNextPage: more, endCursor: after } = page.pageInfo);
      total = page.totalCount;
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.length).toBe(total);
    expect(await code('admin', `{ ${list}(after: "junk") { totalCount } }`)).toBe('BAD_USER_INPUT');
  }
});

test('an entry that was changed by hand is found and named', async () => {
  const verify = '{ auditVerification { valid entries problem { kind seq entryId message } } }';
  const sound = await served.ask<{ auditVerification: { valid: boolean; entries: number } }>(tok('auditor'), verify);
  expect(sound.data.auditVerification).toMatchObject({ valid: true, problem: null });
  expect(sound.data.auditVerification.entries).toBeGreaterThan(20);
  const [entry] = (await served.sql("UPDATE headgate.audit_entry SET principal = 'somebody else' WHERE seq = 7 RETURNING id")) as { id: string }[];
  expect((await served.ask(tok('auditor'), verify)).data).toEqual({
    auditVerification: { valid: false, entries: 6, problem: { kind: 'changed', seq: '7', entryId: entry?.id, message: expect.stringContaining('7') } },
  });
});
