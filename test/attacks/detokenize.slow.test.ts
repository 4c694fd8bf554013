import { Writable } from 'node:stream';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Served } from '../support/served.js';
import { RemoteDatabase } from '../sources/remote-database.js';

/** The whole program over HTTP: who learns what a token stands for. */
let served: Served;
let crm: RemoteDatabase;
let log = '';
const tokens: Record<string, string> = {};

const MANIFESTS = `
kind: Purpose
name: fraud
---
kind: Purpose
name: billing
---
kind: Source
name: crm
type: postgres
url: \${HEADGATE_SECRET_CRM}
---
kind: Dataset
name: people
typeName: Person
fields:
  - { name: id, type: integer }
  - { name: country, type: text }
  - { name: email, type: text }
  - { name: backup_email, type: text }
  - { name: iban, type: text }
  - { name: badge, type: text, visibility: secret }
key: [id]
---
kind: Dataset
name: hidden
visibility: secret
fields: [{ name: id, type: integer }, { name: email, type: text }]
key: [id]
---
kind: Dataset
name: contacts
typeName: Contact
source: crm
table: public.contacts
fields:
  - { name: id, type: integer }
  - { name: email, type: text }
key: [id]
---
kind: Grant
name: analysts
to: { roles: [analyst] }
on: { datasets: [people] }
fields: { id: allow, country: allow, email: { mask: tokenize }, backup_email: { mask: tokenize }, iban: { mask: tokenize, scope: money } }
---
kind: Grant
name: hashers
to: { roles: [hasher] }
on: { datasets: [people] }
fields: { id: allow, email: { mask: hash }, iban: { mask: hash, scope: money } }
---
kind: Grant
name: readers
to: { roles: [reader] }
on: { datasets: [people, contacts] }
fields: { '*': allow }
---
kind: Grant
name: investigators
to: { roles: [investigator] }
on: { datasets: [people, contacts] }
rights: [read, detokenize]
fields: { id: allow, email: { mask: tokenize } }
---
kind: Grant
name: investigators-ibans
to: { roles: [investigator] }
on: { datasets: [people] }
rights: [detokenize]
fields: { iban: allow, backup_email: { mask: partial, last: 2 } }
---
kind: Grant
name: germans
to: { roles: [german] }
on: { datasets: [people] }
rows: "country = 'DE'"
discloses: [country]
rights: [detokenize]
fields: { email: allow }
---
kind: Grant
name: fraud-desk
to: { roles: [desk] }
on: { datasets: [people] }
purposes: [fraud]
rights: [read, detokenize]
fields: { email: { mask: tokenize } }
---
kind: Grant
name: spared
to: { roles: [spared] }
on: { datasets: [people] }
rights: [detokenize]
fields: { email: allow }
---
# Not a word of detokenize, and yet it counts.
kind: Grant
name: sparing
to: { roles: [spared] }
on: { datasets: [people] }
rows: "country = 'FR'"
discloses: [country]
fields: { email: deny }
---
kind: Grant
name: hidden-ones
to: { roles: [keeper] }
on: { datasets: [hidden] }
rights: [read, detokenize]
fields: { '*': allow }
`;

const ROLES = ['admin', 'auditor', 'engineer', 'steward', 'analyst', 'hasher', 'reader', 'investigator', 'german', 'spared', 'keeper'];
/** Planted, and never to be seen where no data belong. */
const CANARIES = ['canary-anna@example.de', 'canary-luc@example.fr', 'DE00CANARY', 'canary-remote@example.com'];
const ASK = 'mutation ($input: DetokenizeInput!) { detokenize(input: $input) { token value } }';

interface Value {
  readonly token: string;
  readonly value: string | null;
}

beforeAll(async () => {
  crm = await RemoteDatabase.onNew();
  await crm.run("CREATE TABLE contacts (id int PRIMARY KEY, email varchar(100)); INSERT INTO contacts VALUES (1, 'canary-remote@example.com'), (2, NULL)");
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      log += chunk.toString();
      done();
    },
  });
  served = await Served.start({ HEADGATE_SECRET_CRM: crm.url }, pino({ level: 'trace' }, sink));
  for (const role of ROLES) tokens[role] = await served.token(role, [role]);
  tokens['desk'] = await served.token('desk', ['desk'], { purposes: ['fraud', 'billing'] });
  const { errors } = await served.ask(tok('admin'), 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: MANIFESTS });
  if (errors) throw new Error(JSON.stringify(errors));
  const rows = [
    '1,DE,canary-anna@example.de,shared@example.com,DE00CANARY,B1',
    '2,FR,canary-luc@example.fr,shared@example.com,FR11,B2',
    '3,DE,shared@example.com,,,',
  ];
  const loaded = await served.upload(tok('admin'), 'people', `id,country,email,backup_email,iban,badge\n${rows.join('\n')}\n`);
  if (!loaded.ok) throw new Error(await loaded.text());
  await served.upload(tok('admin'), 'hidden', 'id,email\n1,h@example.com\n');
});
afterAll(async () => {
  await served?.close();
  await crm?.drop();
});

const tok = (role: string): string => tokens[role] ?? '';

async function shown(field: string): Promise<string[]> {
  const { data, errors } = await served.ask<{ people: { nodes: Record<string, string>[] } }>(
    tok('analyst'),
    `{ people(orderBy: [{ id: ASC }]) { nodes { ${field} } } }`,
  );
  if (errors) throw new Error(JSON.stringify(errors));
  return data.people.nodes.map((node) => node[field] ?? '');
}

async function detokenize(role: string | null, input: Partial<{ dataset: string; field: string; tokens: string[]; reason: string }>, headers = {}) {
  const given = { dataset: 'people', field: 'email', tokens: [`tok_${'0'.repeat(32)}`], reason: 'A test.', ...input };
  const { data, errors } = await served.ask<{ detokenize: Value[] } | null>(role === null ? null : tok(role), ASK, { input: given }, headers);
  return { values: data?.detokenize.map(({ value }) => value), code: errors?.[0]?.extensions['code'], message: errors?.[0]?.message };
}

async function entries(filter: string): Promise<Record<string, unknown>[]> {
  const query = `{ auditEntries(first: 50, where: { ${filter} }) { nodes { dataset fields decision rowCount details principal } } }`;
  const { data, errors } = await served.ask<{ auditEntries: { nodes: Record<string, unknown>[] } }>(tok('auditor'), query);
  if (errors) throw new Error(JSON.stringify(errors));
  return data.auditEntries.nodes;
}

describe('who may', () => {
  test('the right resolves tokens that somebody else was shown, again and again', async () => {
    const seen = await shown('email');
    for (const token of seen) expect(token).toMatch(/^tok_[0-9a-f]{32}$/);
    const wanted = [...CANARIES.slice(0, 2), 'shared@example.com'];
    expect((await detokenize('investigator', { tokens: seen })).values).toEqual(wanted);
    expect(await served.sql('SELECT count(*)::int AS n FROM headgate.token_vault')).toEqual([{ n: 3 }]);
    // From the vault, in any order, a token twice, and one that there never was.
    const [anna = '', luc = ''] = seen;
    expect((await detokenize('investigator', { tokens: [luc, anna, luc, `tok_${'f'.repeat(32)}`] })).values).toEqual([wanted[1], wanted[0], wanted[1], null]);
    // A grant that shows the field plain does as well, and the name may be that of the type.
    expect((await detokenize('investigator', { field: 'iban', tokens: await shown('iban').then((all) => all.filter(Boolean)) })).values).toEqual([
      'DE00CANARY',
      'FR11',
    ]);
  });

  test.each([
    ['a right to read alone', 'reader', {}, 'FORBIDDEN'],
    ['who is shown tokens', 'analyst', {}, 'FORBIDDEN'],
    ['an admin without a grant', 'admin', {}, 'FORBIDDEN'],
    ['a steward', 'steward', {}, 'FORBIDDEN'],
    ['nobody', null, {}, 'UNAUTHENTICATED'],
    ['the right where the field has another mask', 'investigator', { field: 'backup_email' }, 'FORBIDDEN'],
    ['the right on another field', 'german', { field: 'iban' }, 'FORBIDDEN'],
  ] as const)('%s is refused', async (_, role, input, code) => {
    const [anna = ''] = await shown('email');
    const answer = await detokenize(role, { tokens: [anna], ...input });
    expect(answer).toMatchObject({ values: undefined, code });
    expect(answer.message).not.toContain('canary');
  });

  test('a purpose opens it, and another does not', async () => {
    const [anna = ''] = await shown('email');
    expect(await detokenize('desk', { tokens: [anna] })).toMatchObject({ code: 'PURPOSE_REQUIRED' });
    expect(await detokenize('desk', { tokens: [anna] }, { 'x-purpose': 'billing' })).toMatchObject({ code: 'PURPOSE_REQUIRED' });
    expect((await detokenize('desk', { tokens: [anna] }, { 'x-purpose': 'fraud' })).values).toEqual([CANARIES[0]]);
  });
});

describe('what it tells', () => {
  test('rows that a filter keeps back stay so, also when the vault knows the token', async () => {
    const seen = await shown('email');
    await detokenize('investigator', { tokens: seen });
    expect((await detokenize('german', { tokens: seen })).values).toEqual([CANARIES[0], null, 'shared@example.com']);
    expect((await detokenize('spared', { tokens: seen })).values).toEqual([CANARIES[0], null, 'shared@example.com']);
  });

  test('a token of another field or scope, and a hash, stand for nothing', async () => {
    const [, , shared = ''] = await shown('email');
    const [backup = ''] = await shown('backupEmail');
    const [iban = ''] = await shown('iban');
    expect(backup).not.toBe(shared);
    expect((await detokenize('investigator', { tokens: [backup, iban] })).values).toEqual([null, null]);
    const { data } = await served.ask<{ people: { nodes: { email: string; iban: string }[] } }>(
      tok('hasher'),
      '{ people(orderBy: [{ id: ASC }]) { nodes { email iban } } }',
    );
    const seen = await shown('email');
    data.people.nodes.forEach(({ email }, i) => {
      expect(email).toMatch(/^[0-9a-f]{64}$/);
      expect(email).not.toContain((seen[i] ?? '').slice(4));
      expect(seen).not.toContain(`tok_${email.slice(0, 32)}`);
    });
    expect((await detokenize('investigator', { tokens: data.people.nodes.map(({ email }) => `tok_${email.slice(0, 32)}`) })).values).toEqual([
      null,
      null,
      null,
    ]);
  });

  test('a value that is gone is forgotten, and a load of the same rows changes nothing', async () => {
    const before = await shown('email');
    await served.upload(tok('admin'), 'people', 'id,country,email,backup_email,iban,badge\n9,DE,leaving@example.com,,,\n', {}, '?mode=append');
    const [leaving = ''] = (await shown('email')).slice(-1);
    expect((await detokenize('investigator', { tokens: [leaving] })).values).toEqual(['leaving@example.com']);
    await served.sql('DELETE FROM data.people WHERE id = 9');
    expect((await detokenize('german', { tokens: [leaving] })).values).toEqual([null]);
    const kept = "SELECT count(*)::int AS n FROM headgate.token_vault WHERE field = 'email'";
    expect(await served.sql(kept)).toEqual([{ n: 4 }]);
    // Who sees all rows does not find it either: so it is not there.
    expect((await detokenize('investigator', { tokens: [leaving] })).values).toEqual([null]);
    expect(await served.sql(kept)).toEqual([{ n: 3 }]);
    expect(await shown('email')).toEqual(before);
  });

  test('tokens of rows that stay at their source are resolved there', async () => {
    const { data } = await served.ask<{ contacts: { nodes: { email: string | null }[] } }>(
      tok('investigator'),
      '{ contacts(orderBy: [{ id: ASC }]) { nodes { email } } }',
    );
    const [first, second] = data.contacts.nodes;
    expect(second).toEqual({ email: null });
    const wanted = [first?.email ?? '', `tok_${'0'.repeat(32)}`];
    for (let again = 0; again < 2; again++) {
      expect((await detokenize('investigator', { dataset: 'contacts', tokens: wanted })).values).toEqual(['canary-remote@example.com', null]);
    }
  });
});

describe('what it takes', () => {
  const token = `tok_${'a'.repeat(32)}`;
  test.each([
    ['no token', { tokens: [] }],
    ['more than 1000', { tokens: Array.from({ length: 1_001 }, () => token) }],
    ['what is none', { tokens: [token, 'canary-anna@example.de'] }],
    ['upper case', { tokens: [token.toUpperCase()] }],
    ['SQL', { tokens: ["tok_'; DROP TABLE data.people; --"] }],
    ['no reason', { reason: '  ' }],
    ['a long reason', { reason: 'x'.repeat(501) }],
    ['a reason with the token in it', { reason: `because of ${token}` }],
    ['a reason with NUL', { reason: 'a\0b' }],
    ['a field that has no tokens', { field: 'id' }],
  ])('%s is refused', async (_, input) => {
    const answer = await detokenize('investigator', input);
    expect(answer.code).toBe('BAD_USER_INPUT');
    expect(answer.message).not.toContain('canary');
  });

  test('1000 are answered', async () => {
    const [anna = ''] = await shown('email');
    const many = Array.from({ length: 999 }, (_, i) => `tok_${i.toString(16).padStart(32, '0')}`);
    const { values } = await detokenize('investigator', { tokens: [...many, anna] });
    expect([values?.length, values?.at(-1), values?.filter((value) => value !== null).length]).toEqual([1_000, CANARIES[0], 1]);
  });

  test('what is secret reads as what is not there', async () => {
    const of = async (input: object) => {
      const { code, message } = await detokenize('investigator', input);
      return { code, message: message?.replace(/"\w+"/, '"it"') };
    };
    expect(await of({ dataset: 'hidden' })).toEqual(await of({ dataset: 'nowhere' }));
    expect(await of({ field: 'badge' })).toEqual(await of({ field: 'nothing' }));
    expect((await of({ dataset: 'hidden' })).code).toBe('NOT_FOUND');
    expect((await detokenize('keeper', { dataset: 'hidden' })).values).toEqual([null]);
  });
});

describe('what is left of it', () => {
  test('each call is on the record with its reason and numbers, refusals too', async () => {
    const [anna = ''] = await shown('email');
    await detokenize('investigator', { tokens: [anna, `tok_${'0'.repeat(32)}`], reason: ' Case 17. ' });
    await detokenize('reader', { tokens: [anna] });
    const [allowed] = await entries('action: "detokenize", principal: "investigator"');
    expect(allowed).toMatchObject({
      dataset: 'people',
      fields: ['email'],
      decision: 'ALLOWED',
      rowCount: '1',
      details: { tokens: 2, hits: 1, reason: 'Case 17.' },
    });
    const [denied] = await entries('action: "detokenize", principal: "reader"');
    expect(denied).toMatchObject({ dataset: 'people', decision: 'DENIED', details: { code: 'FORBIDDEN', fields: ['email'], tokens: 1 } });
  });

  test('no value and no token is in the control schema, the log or the metrics', async () => {
    const seen = [...(await shown('email')), ...(await shown('iban'))].filter(Boolean);
    const found = [...CANARIES, ...seen];
    const tables = (await served.sql("SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname IN ('headgate', 'pgboss')")) as {
      name: string;
    }[];
    expect(tables.length).toBeGreaterThan(10);
    for (const { name } of tables) {
      for (const row of (await served.sql(`SELECT t::text AS row FROM ${name} AS t`)) as { row: string }[]) {
        for (const value of found) expect(row.row.includes(value) || row.row.includes(Buffer.from(value).toString('hex')), `${value} in ${name}`).toBe(false);
      }
    }
    expect(log.length).toBeGreaterThan(0);
    const metrics = await (await fetch(`${served.url}/metrics`, { headers: { authorization: `Bearer ${tok('admin')}` } })).text();
    for (const value of found) expect([log.includes(value), metrics.includes(value)]).toEqual([false, false]);
  });
});
