import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Served } from '../support/served.js';

/** The whole program over HTTP: what the control plane tells to whom. */
let served: Served;
const tokens: Record<string, string> = {};

const MANIFESTS = `
kind: Dataset
name: people
typeName: Person
fields:
  - { name: code, type: text, visibility: secret }
  - { name: email, type: text, tags: [pii.email], rules: [{ matches: '^[^@]+@[^@]+$' }] }
  - { name: age, type: integer, rules: [{ between: [0, 120] }] }
  - { name: city, type: text, rules: [{ in: [Berlin, Paris] }] }
  - { name: badge, type: text, visibility: secret, rules: [{ matches: '^B[0-9]+$' }] }
  - { name: case_id, type: integer, rules: [{ references: cases.id, severity: warn }] }
key: [code]
rules:
  - { name: badge_for_adults, check: "age < 18 OR badge IS NOT NULL", severity: warn }
relations:
  - { name: file, to: cases, on: { case_id: id } }
---
kind: Dataset
name: cases
visibility: secret
fields: [{ name: id, type: integer }]
key: [id]
---
kind: Grant
name: analysts
to: { roles: [analyst] }
on: { datasets: [people] }
fields: { '*': allow, email: { mask: email }, age: { mask: round, step: 10 } }
---
kind: Grant
name: agents
to: { roles: [agent] }
on: { datasets: [people] }
rows: "city = claim('city')"
fields: { '*': allow }
---
kind: Grant
name: clerks
to: { roles: [clerk] }
on: { datasets: [cases] }
fields: { id: allow }
`;

/** What the file holds that was refused or kept. */
const VALUES = ['not-an-address', 'secret@hidden', '999', 'Atlantis', 'X-1', 'Z99', 'line noise'];

beforeAll(async () => {
  served = await Served.start();
  for (const role of ['admin', 'steward', 'engineer', 'auditor', 'analyst', 'agent', 'clerk', 'other']) {
    tokens[role] = await served.token(role, [role], { claims: { city: 'Berlin' } });
  }
  const { errors } = await served.ask(tok('admin'), 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: MANIFESTS });
  if (errors) throw new Error(JSON.stringify(errors));
  const rows = [
    'a,a@example.com,30,Berlin,B1,1',
    'b,not-an-address,40,Paris,B2,1',
    'c,secret@hidden,999,Berlin,B3,1',
    'd,d@example.com,50,Atlantis,B4,1',
    'e,e@example.com,60,Paris,X-1,1',
    'Z99,f@example.com,line noise,Paris,B6,1',
  ];
  const loaded = await served.upload(tok('admin'), 'people', `code,email,age,city,badge,case_id\n${rows.join('\n')}\n`);
  if (!loaded.ok) throw new Error(await loaded.text());
  await served.ask(tok('admin'), 'mutation { checkQuality(dataset: "people") { id } }');
});
afterAll(() => served?.close());

function tok(role: string): string {
  return tokens[role] ?? '';
}

describe('quarantine and quality reports that show values (OpenMetadata #10542)', () => {
  const QUARANTINE = '{ quarantine(dataset: "people") { totalCount nodes { line raw reasons { field rule message } } } }';
  const QUALITY =
    '{ qualityReports(dataset: "people") { totalCount nodes { rowCount score checks { name fields observed expected failingRows } } } dataset(name: "people") { qualityReport { checks { name fields observed expected } } } }';

  test('roles of the control plane see where and why, and no value', async () => {
    for (const role of ['admin', 'steward', 'engineer', 'auditor']) {
      const answer = await served.ask<{ quarantine: { totalCount: number; nodes: { raw: Record<string, unknown> }[] } }>(tok(role), QUARANTINE);
      expect(answer.data.quarantine.totalCount).toBe(5);
      for (const { raw } of answer.data.quarantine.nodes) expect(Object.values(raw).every((value) => value === null)).toBe(true);
      for (const value of VALUES) expect(JSON.stringify(answer), `${role} ${value}`).not.toContain(value);
    }
  });

  test('an analyst sees plain what they may see plain, and no secret or masked field', async () => {
    const answer = await served.ask<{ quarantine: { nodes: { raw: Record<string, unknown> }[] } }>(tok('analyst'), QUARANTINE);
    const text = JSON.stringify(answer);
    expect(text).toContain('Atlantis');
    for (const value of ['not-an-address', 'secret@hidden', '999', 'X-1', 'Z99', 'line noise', 'badge', 'code']) expect(text, value).not.toContain(value);
  });

  test('who sees some rows only sees none of the refused ones, nor how many there are', async () => {
    for (const role of ['agent', 'clerk', 'other']) {
      const { errors, data } = await served.ask(tok(role), QUARANTINE);
      expect(errors?.[0]?.extensions['code'], role).toBe('FORBIDDEN');
      expect(data).toBeNull();
      const { data: counts } = await served.ask(
        tok(role),
        '{ dataset(name: "people") { rowCount bytes quarantineCount qualityReport { rowCount } runs { rowsRead } } }',
      );
      expect(counts, role).toEqual({ dataset: { rowCount: null, bytes: null, quarantineCount: null, qualityReport: null, runs: null } });
    }
    expect((await served.ask(null, QUARANTINE)).errors?.[0]?.extensions['code']).toBe('UNAUTHENTICATED');
  });

  test('a report has counts and bounds and no value of the data; nor a check that tells a secret name', async () => {
    for (const role of ['admin', 'steward', 'auditor', 'analyst']) {
      const answer = await served.ask(tok(role), QUALITY);
      expect(answer.errors, role).toBeUndefined();
      const text = JSON.stringify(answer);
      for (const value of VALUES) expect(text, `${role} ${value}`).not.toContain(value);
      if (role !== 'admin') expect(text, role).not.toMatch(/badge|cases/);
    }
    for (const role of ['agent', 'other'])
      expect((await served.ask(tok(role), '{ qualityReports(dataset: "people") { totalCount } }')).errors?.[0]?.extensions['code']).toBe('FORBIDDEN');
  });

  test('no reason tells of a field that is not seen plain', async () => {
    const fieldsOf = async (role: string) => {
      const { data } = await served.ask<{ quarantine: { nodes: { reasons: { field: string | null }[] }[] } }>(tok(role), QUARANTINE);
      return new Set(data.quarantine.nodes.flatMap(({ reasons }) => reasons.map(({ field }) => field)));
    };
    expect(await fieldsOf('analyst')).toEqual(new Set(['city']));
    expect(await fieldsOf('steward')).toEqual(new Set(['email', 'age', 'city']));
  });

  test('scores tell of no check that is not shown', async () => {
    const scores = async (role: string) =>
      (
        await served.ask<{ dataset: { qualityReport: Record<string, unknown> } }>(
          tok(role),
          '{ dataset(name: "people") { qualityReport { score accuracy completeness consistency timeliness checks { name dimension status } } } }',
        )
      ).data.dataset.qualityReport;
    await served.sql("UPDATE data.people SET badge = 'X', email = 'x'");
    try {
      await served.ask(tok('admin'), 'mutation { checkQuality(dataset: "people") { id } }');
      const [all, seen] = [await scores('admin'), await scores('analyst')];
      expect(all['accuracy']).toBeLessThan(1);
      expect(seen).toMatchObject({ accuracy: 1, checks: expect.arrayContaining([expect.objectContaining({ name: 'city.in', status: 'PASSED' })]) as unknown });
      expect(JSON.stringify(seen)).not.toMatch(/badge|email/);
      // The steward sees the check on email, and none on badge.
      expect((await scores('steward'))['accuracy']).not.toBe(all['accuracy']);
    } finally {
      await served.sql("UPDATE data.people SET badge = 'B1', email = 'a@example.com'");
      await served.ask(tok('admin'), 'mutation { checkQuality(dataset: "people") { id } }');
    }
  });

  test('an argument that is null is one that was left out', async () => {
    const plain = await served.ask(
      tok('admin'),
      '{ datasets { totalCount } runs { totalCount } grants { name } auditEntries(first: 1) { pageInfo { hasNextPage } } }',
    );
    const nulls = await served.ask(
      tok('admin'),
      `query ($n: String) { datasets(after: null, search: null, tag: $n, stage: null, first: null) { totalCount } runs(dataset: null, after: $n) { totalCount }
        grants(dataset: null) { name } auditEntries(after: $n, first: 1) { pageInfo { hasNextPage } } }`,
      { n: null },
    );
    expect(nulls).toEqual(plain);
    expect((await served.ask(null, '{ datasets(after: null) { totalCount } }')).errors).toBeUndefined();
  });

  test('neither the audit nor a run tells a value', async () => {
    const audit = await served.ask(tok('auditor'), '{ auditEntries(first: 200) { nodes { action dataset fields masked decision rowCount details } } }');
    const runs = await served.ask(tok('engineer'), '{ runs { nodes { id status rowsRead rowsQuarantined error { code message } steps { name kind } } } }');
    // Ids are made of digits too.
    const told = JSON.stringify([audit, runs]).replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{64}/g, 'an id');
    for (const value of VALUES) expect(told, value).not.toContain(value);
  });
});

describe('secret names in the control plane', () => {
  const CATALOG = `{
    datasets { totalCount nodes { name key description relations { name on dataset { name } } fields { name key tags rules visibility } } }
    secret: dataset(name: "cases") { name }
    people: dataset(name: "people") { key relations { name on } fields { name rules } }
    access(dataset: "people") { rows rowFilters grants fields { field effects grants } }
  }`;

  test.each(['steward', 'auditor', 'analyst', 'agent', 'other'])('%s learns none', async (role) => {
    const answer = await served.ask(tok(role), CATALOG);
    expect(answer.errors).toBeUndefined();
    expect(JSON.stringify(answer)).not.toMatch(/badge|cases|"code/);
    for (const query of [
      '{ qualityReports(dataset: "NAME") { totalCount } }',
      '{ quarantine(dataset: "NAME") { totalCount } }',
      '{ access(dataset: "NAME") { rows } }',
      '{ dataset(name: "NAME") { name } }',
    ]) {
      const [secret, absent] = [await served.ask(tok(role), query.replace('NAME', 'cases')), await served.ask(tok(role), query.replace('NAME', 'casex'))];
      expect(JSON.stringify(secret).replaceAll('cases', '?'), query).toBe(JSON.stringify(absent).replaceAll('casex', '?'));
    }
    const upload = async (name: string) => {
      const response = await served.upload(tok(role), name, 'id\n1\n');
      return [response.status, (await response.text()).replaceAll(name, '?').replaceAll(/"(instance|id|requestId)":"[^"]*"/g, '')];
    };
    expect(await upload('cases')).toEqual(await upload('casex'));
  });

  test('who has a grant on it knows it', async () => {
    expect(JSON.stringify(await served.ask(tok('clerk'), '{ datasets { nodes { name } } }'))).toContain('cases');
  });
});

describe('refusals on the record', () => {
  interface Entries {
    readonly auditEntries: { readonly totalCount: number; readonly nodes: readonly { readonly decision: string; readonly action: string }[] };
  }

  test('each of many at once has an entry of its own, of the data plane and of the control plane', async () => {
    const token = await served.token('prober', ['other']);
    const queries = [
      '{ people { nodes { email } } }',
      '{ people { totalCount } }',
      '{ people(where: { email: { eq: "x" } }) { totalCount } }',
      '{ people(orderBy: [{ age: ASC }]) { nodes { age } } }',
      '{ auditEntries { totalCount } }',
      '{ quarantine(dataset: "people") { totalCount } }',
      '{ qualityReports(dataset: "people") { totalCount } }',
      '{ grants { name } }',
      'mutation { deleteGrant(name: "analysts") }',
      'mutation { applyManifest(manifest: "kind: Purpose\\nname: x") { version } }',
      'mutation { ingest(input: { dataset: "people", content: "x" }) { id } }',
      '{ access(dataset: "people", as: { roles: ["admin"] }) { rows } }',
    ];
    const count = async () => {
      const { data } = await served.ask<Entries>(
        tok('auditor'),
        '{ auditEntries(where: { principal: "prober", decision: DENIED }) { totalCount nodes { action decision } } }',
      );
      return data.auditEntries.totalCount;
    };
    expect(await count()).toBe(0);
    await Promise.all(
      Array.from({ length: 4 }, () => queries)
        .flat()
        .map(async (query) => {
          const { errors } = await served.ask(token, query);
          expect(errors?.[0]?.extensions['code'], query).toBe('FORBIDDEN');
        }),
    );
    expect(await count()).toBe(4 * queries.length);
  });

  test('several refused roots of one request are several entries', async () => {
    const token = await served.token('prober2', ['other']);
    await served.ask(token, '{ a: people { totalCount } b: people { totalCount } grants { name } }');
    const { data } = await served.ask<Entries>(tok('auditor'), '{ auditEntries(where: { principal: "prober2", decision: DENIED }) { totalCount } }');
    expect(data.auditEntries.totalCount).toBe(3);
  });
});
