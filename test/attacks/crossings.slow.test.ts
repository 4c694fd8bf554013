import { randomUUID } from 'node:crypto';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { referenceKeyId, subjectReference } from '../../src/vault/index.js';
import { apply as applyAs, download, erase, exportSubject } from '../delivery/subjects/people.js';
import { unzip } from '../support/archives.js';
import { Listener } from '../support/live.js';
import { until } from '../support/processes.js';
import { Served } from '../support/served.js';

/** Where two features meet: what each does right alone, and both must do together. */
let served: Served;
let admin: string;
let steward: string;

beforeAll(async () => {
  served = await Served.start();
  admin = await served.token('root', ['admin']);
  steward = await served.token('stella', ['steward']);
});
afterAll(() => served?.close());

const apply = (manifest: string): Promise<void> => applyAs(served, admin, manifest);

async function load(dataset: string, text: string, type = 'text/csv'): Promise<void> {
  expect((await served.upload(admin, dataset, text, { 'content-type': type }, '?mode=append')).status).toBe(200);
}

interface Refused {
  readonly raw: Readonly<Record<string, string | null>>;
  readonly reasons: readonly object[];
}

async function quarantine(token: string, dataset: string): Promise<readonly Refused[]> {
  const { data, errors } = await served.ask<{ quarantine: { nodes: Refused[] } }>(
    token,
    'query ($d: String!) { quarantine(dataset: $d) { nodes { raw reasons { field rule message } } } }',
    { d: dataset },
  );
  expect(errors).toBeUndefined();
  return data.quarantine.nodes;
}

describe('quarantine', () => {
  test('with secret fields: neither they nor a whole line are shown to who sees all others', async () => {
    await apply(`
kind: Dataset
name: staff
fields:
  - { name: id, type: integer }
  - { name: name, type: text }
  - { name: ssn, type: text, visibility: secret }
---
kind: Dataset
name: sealed
fields:
  - { name: id, type: integer }
  - { name: diagnosis, type: text, visibility: secret, encrypted: true }
---
kind: Grant
name: hr
to: { roles: [hr] }
on: { datasets: [staff, sealed] }
fields: { id: allow }
---
kind: Grant
name: hr_names
to: { roles: [hr] }
on: { datasets: [staff] }
fields: { name: allow }
---
kind: Grant
name: doctors
to: { roles: [doctor] }
on: { datasets: [staff, sealed] }
fields: { '*': allow, ssn: allow }
---
kind: Grant
name: doctors_see_diagnoses
to: { roles: [doctor] }
on: { datasets: [sealed] }
fields: { diagnosis: allow }
`);
    await load('staff', 'id,name,ssn\nbad,n1,CANARY-1\n');
    await load('staff', '{"id": 2, "name": "n2", "ssn": "CANARY-2"\n{"id": 3, "name": "n3", "ssn": "s3"}\n', 'application/x-ndjson');
    await load('sealed', 'id,diagnosis\nbad,CANARY-3\n');
    const hr = await served.token('hank', ['hr']);
    for (const dataset of ['staff', 'sealed']) {
      const told = await quarantine(hr, dataset);
      expect(told.length).toBeGreaterThan(0);
      expect(JSON.stringify(told)).not.toMatch(/CANARY|ssn|diagnosis|hge1/);
    }
    const doctor = await served.token('dora', ['doctor']);
    expect(JSON.stringify(await quarantine(doctor, 'staff'))).toMatch(/CANARY-1.*CANARY-2/);
    expect((await quarantine(doctor, 'sealed'))[0]?.raw).toEqual({ id: 'bad', diagnosis: 'CANARY-3' });
  });

  test('with a secret subject: encrypted values open for who sees them plain', async () => {
    await apply(`
kind: Dataset
name: cases
fields:
  - { name: id, type: integer }
  - { name: person, type: text, visibility: secret }
  - { name: diagnosis, type: text, encrypted: true }
subject: person
---
kind: Grant
name: nurses
to: { roles: [nurse] }
on: { datasets: [cases] }
fields: { id: allow, diagnosis: allow }
`);
    await load('cases', 'id,person,diagnosis\nbad,p4,D5\n');
    expect((await quarantine(await served.token('nora', ['nurse']), 'cases'))[0]?.raw).toEqual({ id: 'bad', diagnosis: 'D5' });
  });
});

describe('erasure', () => {
  const BILLS = `
kind: Dataset
name: bills
fields:
  - { name: number, type: text }
  - { name: customer, type: text }
  - { name: contact, type: text, required: true }
key: [number]
subject: customer
onErase: nullify
`;

  test('with tags that stewards give: a field that would have to be null can not become personal', async () => {
    await apply(BILLS);
    const tagged = 'kind: Classification\nname: bills\nfields: { contact: { tags: [pii.email] } }\n';
    const { errors } = await served.ask(steward, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: tagged });
    expect(errors?.[0]?.extensions['code']).toBe('CONFLICT');
    expect(errors?.[0]?.message).toMatch(/contact is personal by its tags \(pii\.email\)/);
    await apply(tagged.replace('pii.email', 'contacts'));
  });

  test('where one is all the same: the row goes, at once and when a ledger is replayed', async () => {
    await apply(BILLS);
    await load('bills', 'number,customer,contact\nA1,bob,bob@example.org\nA2,eve,eve@example.org\nA3,ann,ann@example.org\n');
    await served.sql(
      `INSERT INTO headgate.classification (name, spec, updated_by, updated_at) VALUES ('bills', '{"name": "bills", "fields": {"contact": {"tags": ["pii"]}}}', 'x', now())
       ON CONFLICT (name) DO UPDATE SET spec = excluded.spec`,
    );
    const { data, errors } = await erase(served, steward, 'bob');
    expect(errors).toBeUndefined();
    expect(data.eraseSubject.datasets).toContainEqual({ dataset: 'bills', rows: 1, nullified: 0 });
    // What the database does not know of, as after a restore.
    const { keyRing } = served.app;
    const line = {
      id: randomUUID(),
      reference: subjectReference(keyRing, 'eve'),
      at: new Date().toISOString(),
      by: 'x',
      reason: 'r',
      keyId: referenceKeyId(keyRing),
    };
    const home = join(served.home, 'beside');
    const beside = await served.beside({ HEADGATE_HOME: home, HEADGATE_MASTER_KEY: await masterKey() });
    await beside.app.close();
    await appendFile(join(home, 'erasures.ndjson'), `${JSON.stringify(line)}\n`);
    const again = await served.beside({ HEADGATE_HOME: home, HEADGATE_MASTER_KEY: await masterKey() });
    expect(await served.sql('SELECT customer FROM data.bills')).toEqual([{ customer: 'ann' }]);
    await again.app.close();
    await served.sql("DELETE FROM headgate.classification WHERE name = 'bills'");
  });

  test('with holds: one that is over forgets the person, one in force keeps refused rows', async () => {
    await apply(`
kind: Dataset
name: claims
fields: [{ name: id, type: integer }, { name: person, type: integer }]
key: [id]
subject: person
---
kind: LegalHold
name: over
reason: r
subjects: [gone, other]
until: 2020-01-01T00:00:00Z
---
kind: LegalHold
name: over_for_one
reason: r
subjects: [gone]
until: 2020-01-01T00:00:00Z
---
kind: LegalHold
name: lasting
reason: r
subjects: [77]
`);
    expect((await erase(served, steward, 'gone')).errors).toBeUndefined();
    const holds = await served.sql("SELECT spec FROM headgate.legal_hold WHERE name LIKE 'over%'");
    expect(JSON.stringify(holds)).not.toContain('gone');
    expect(holds).toMatchObject([{ spec: { name: 'over', subjects: ['other'] } }]);

    await load('claims', 'id,person\nbad, 077\n');
    const remove = () => served.ask(admin, 'mutation { deleteDataset(name: "claims") }');
    expect((await remove()).errors?.[0]?.extensions).toMatchObject({ code: 'CONFLICT', hold: 'lasting' });
    await applyAs(served, steward, 'kind: LegalHold\nname: lasting\nstate: absent\n');
    expect((await remove()).errors).toBeUndefined();
  });
});

async function masterKey(): Promise<string> {
  const { readFile } = await import('node:fs/promises');
  return (await readFile(`${served.home}/master.key`, 'utf8')).trim();
}

describe('the record', () => {
  const PEOPLE = `
kind: Dataset
name: people
fields: [{ name: id, type: integer }, { name: email, type: text, tags: [pii.email] }]
key: [id]
subject: id
---
kind: Grant
name: officers
to: { roles: [officer] }
on: { datasets: [people] }
rights: [export]
fields: { '*': allow }
---
kind: Grant
name: ears
to: { roles: [ear] }
on: { datasets: [people] }
rights: [subscribe]
fields: { '*': allow }
---
kind: Grant
name: ears_read
to: { roles: [ear] }
on: { datasets: [people] }
rights: [read]
fields: { '*': allow }
---
kind: Grant
name: triage
to: { roles: [triage] }
on: { datasets: [people] }
fields: { '*': allow }
`;
  interface Sight {
    readonly principal: string;
    readonly acts: number;
    readonly rows: string;
  }
  const sights = async (): Promise<Sight[]> => {
    const { data } = await served.ask<{ whoSaw: Sight[] }>(steward, '{ whoSaw(tag: "pii.email") { principal acts rows } }');
    return data.whoSaw;
  };

  test('tells who saw refused rows in the archive of a person, and counts a file once', async () => {
    await apply(PEOPLE);
    await load('people', 'id,email\nx-9,canary@example.org\n1,one@example.org\n');
    const officer = await served.token('oscar', ['steward', 'officer']);
    const { data } = await exportSubject(served, officer, 'x-9');
    const files = await unzip(Buffer.from(await (await download(served, officer, data.exportSubject.url)).arrayBuffer()));
    expect(files['quarantine/people.json']).toContain('canary@example.org');
    expect(await sights()).toEqual([{ principal: 'oscar', acts: 1, rows: '1' }]);

    const walt = await served.token('walt', ['officer']);
    const response = await fetch(`${served.url}/export/people?format=csv`, { headers: { authorization: `Bearer ${walt}` } });
    expect(await response.text()).toContain('one@example.org');
    await until('the file is on the record', async () => (await sights()).some(({ principal, rows }) => principal === 'walt' && rows === '1'));
    expect((await sights()).find(({ principal }) => principal === 'walt')?.acts).toBe(1);
  });

  test('tells which grants were used by subscribers, and by who looked at refused rows', async () => {
    await apply(PEOPLE);
    const listener = new Listener(
      served.url,
      { authorization: `Bearer ${await served.token('eric', ['ear'])}` },
      { query: 'subscription { peopleChanged { nodes { id email } } }' },
    );
    await until(
      'it listens',
      async () => (await served.sql("SELECT 1 FROM headgate.audit_record WHERE action = 'subscribe' AND principal = 'eric'")).length > 0,
    );
    await load('people', 'id,email\n5,five@example.org\n');
    await listener.events(1);
    await listener.close();
    await quarantine(await served.token('tom', ['triage']), 'people');
    await quarantine(steward, 'people');
    const { data } = await served.ask<{ grantUses: { grant: string; acts: number }[] }>(steward, '{ grantUses { grant acts } }');
    const acts = Object.fromEntries(data.grantUses.map((use) => [use.grant, use.acts]));
    expect(acts).toMatchObject({ ears: 2, ears_read: 0, triage: 1 });
  });
});

test('why a load failed names nothing secret to who may not know it', async () => {
  await apply(`
kind: Dataset
name: grades
fields:
  - { name: id, type: integer }
  - { name: hidden_level, type: integer, visibility: secret, required: true }
---
kind: Dataset
name: open
fields: [{ name: id, type: integer }, { name: level, type: integer, required: true }]
---
kind: Grant
name: teachers
to: { roles: [teacher] }
on: { datasets: [grades] }
rights: [ingest]
fields: { id: allow }
`);
  const teacher = await served.token('ted', ['teacher']);
  expect((await served.upload(teacher, 'grades', 'id\n1\n')).status).toBe(422);
  expect((await served.upload(admin, 'open', 'id\n1\n')).status).toBe(422);
  const told = async (token: string, dataset: string) =>
    JSON.stringify((await served.ask(token, 'query ($d: String!) { runs(dataset: $d) { nodes { error { code message details } } } }', { d: dataset })).data);
  for (const role of ['steward', 'auditor']) {
    const token = await served.token(role, [role]);
    expect(await told(token, 'grades')).toContain('"code":"DATA_REJECTED"');
    expect(await told(token, 'grades')).not.toContain('hidden');
    expect(await told(token, 'open')).toContain('level');
  }
  expect(await told(await served.token('eng', ['engineer']), 'grades')).toContain('hidden_level');
});

describe('what waits for a second person', () => {
  test('is approved whatever order the keys of the change are in', async () => {
    await apply(`
kind: Dataset
name: guests
fields: [{ name: id, type: integer }, { name: name, type: text, tags: [pii.name] }, { name: email, type: text, tags: [pii.email] }]
---
kind: Grant
name: hosts
to: { roles: [host] }
on: { datasets: [guests] }
fields: { id: allow, name: allow }
---
kind: ChangePolicy
name: pii
fourEyes: { tags: [pii] }
`);
    const more = 'kind: Grant\nname: hosts\nto: { roles: [host] }\non: { datasets: [guests] }\nfields: { id: allow, email: allow, name: allow }\n';
    const { data } = await served.ask<{ applyManifest: { approval: { id: string } | null } }>(
      steward,
      'mutation ($m: String!) { applyManifest(manifest: $m) { approval { id } } }',
      { m: more },
    );
    const other = await served.token('sam', ['steward']);
    const approved = await served.ask(other, 'mutation ($id: ID!) { approveChange(id: $id) { status } }', { id: data.applyManifest.approval?.id });
    expect(approved.errors).toBeUndefined();
    expect(approved.data).toEqual({ approveChange: { status: 'APPROVED' } });
    // The removal of the policy waits too.
    await served.sql('DELETE FROM headgate.change_policy');
  });
});

test('the archive of a person outlives the retirement of the key that it was asked for under', { timeout: 60_000 }, async () => {
  const { data } = await exportSubject(served, steward, 'nobody');
  expect((await served.ask(admin, 'mutation { rotateKeys { from { id } to { id } } }')).errors).toBeUndefined();
  // Whoever is who asked: a token of the new key.
  const [root, stella] = [await served.token('root', ['admin']), await served.token('stella', ['steward'])];
  let errors: unknown;
  await until(
    'the old key can be retired',
    async () => {
      const keys = await served.ask<{ masterKeys: { id: string; state: string }[] }>(root, '{ masterKeys { id state } }');
      const old = keys.data.masterKeys.find(({ state }) => state === 'REPLACED');
      if (!old) return true;
      ({ errors } = await served.ask(root, 'mutation ($id: ID!) { retireMasterKey(id: $id) { state } }', { id: old.id }));
      return errors === undefined;
    },
    30_000,
  );
  expect((await download(served, stella, data.exportSubject.url)).status).toBe(200);
  const kept = () => served.sql(`SELECT 1 FROM headgate.subject_export WHERE id = '${data.exportSubject.id}'`);
  expect(await kept()).toHaveLength(1);
  expect((await erase(served, stella, 'nobody')).errors).toBeUndefined();
  expect(await kept()).toEqual([]);
});
