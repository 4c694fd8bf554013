import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { subjectReference } from '../../src/vault/index.js';
import { Listener } from '../support/live.js';
import { findRedis, openRedis } from '../support/redis.js';
import { Served } from '../support/served.js';

/** Consents over HTTP, on the whole program: two processes of one installation, with Redis where there is one. */
const MANIFESTS = `
kind: Purpose
name: marketing
lawfulBasis: consent
---
kind: Purpose
name: billing
---
kind: Dataset
name: people
typeName: Person
fields:
  - { name: id, type: bigint }
  - { name: email, type: text }
key: [id]
subject: id
consent: { purposes: [marketing] }
cache: { ttl: 10m }
---
kind: Grant
name: promoters
to: { roles: [promoter] }
on: { datasets: [people] }
fields: { '*': allow }
---
kind: Grant
name: callers
to: { roles: [caller] }
on: { datasets: [people] }
rights: [read, detokenize]
fields: { id: allow, email: { mask: tokenize } }
`;

const PATIENT = { interval: 5, timeout: 20_000 };
const PEOPLE = '{ people(orderBy: [{ id: ASC }]) { totalCount nodes { id email } } }';
const FIELDS = 'id subject purpose from until withdrawnAt withdrawnBy inForce source recordedAt recordedBy';
const RECORD = `mutation ($input: ConsentInput!) { recordConsent(input: $input) { ${FIELDS} } }`;
const WITHDRAW = `mutation ($input: ConsentInput!) { withdrawConsent(input: $input) { ${FIELDS} } }`;
const HISTORY = `query ($subject: String!) { consents(subject: $subject) { ${FIELDS} } }`;

type Consent = Readonly<Record<string, unknown>>;

const redis = await findRedis();
let one: Served;
let two: Served;
let tidy: () => Promise<void>;
const tokens: Record<string, string> = {};

beforeAll(async () => {
  const env = { HEADGATE_MASTER_KEY: randomBytes(32).toString('base64'), ...('url' in redis && { REDIS_URL: redis.url }) };
  one = await Served.start(env);
  two = await one.beside(env);
  const there = 'url' in redis ? await openRedis(redis.url, `headgate:${one.app.keyRing.derive('cache/namespace', 9).toString('base64url')}`) : undefined;
  tidy = async () => there?.close();
  for (const role of ['admin', 'steward', 'engineer', 'auditor', 'promoter', 'caller'])
    tokens[role] = await one.token(role, [role], { purposes: ['marketing', 'billing'] });
  const { errors } = await one.ask(tok('admin'), 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: MANIFESTS });
  expect(errors).toBeUndefined();
  await load('id,email\n1,a@example.com\n2,b@example.com\n3,c@example.com\n', 'replace');
  for (const where of [one, two]) await vi.waitFor(async () => expect((await read(where, 'billing')).totalCount).toBe(3), PATIENT);
});

afterAll(async () => {
  await two?.close();
  await one?.close();
  await tidy?.();
});

function tok(role: string): string {
  return tokens[role] ?? '';
}

async function load(csv: string, mode: string): Promise<void> {
  expect((await one.upload(tok('admin'), 'people', csv, {}, `?mode=${mode}`)).status).toBe(200);
}

async function read(where: Served, purpose: string) {
  const { data, errors } = await where.ask<{ people: { totalCount: number; nodes: { id: string }[] } }>(tok('promoter'), PEOPLE, {}, { 'x-purpose': purpose });
  expect(errors).toBeUndefined();
  return { totalCount: data.people.totalCount, ids: data.people.nodes.map(({ id }) => id) };
}

const record = async (input: Record<string, unknown>, where = one, who = 'steward') => where.ask<{ recordConsent: Consent }>(tok(who), RECORD, { input });
const withdraw = async (subject: string, where = one, who = 'steward') =>
  where.ask<{ withdrawConsent: Consent }>(tok(who), WITHDRAW, { input: { subject, purpose: 'marketing' } });
const history = async (subject: string) => (await one.ask<{ consents: Consent[] }>(tok('steward'), HISTORY, { subject })).data.consents;

interface Entry {
  readonly principal: string;
  readonly action: string;
  readonly decision: string;
  readonly rowCount: string | null;
  readonly details: Readonly<Record<string, unknown>>;
}

async function entries(action: string): Promise<Entry[]> {
  const query = 'query ($a: String!) { auditEntries(first: 100, where: { action: $a }) { nodes { principal action decision rowCount details } } }';
  return (await one.ask<{ auditEntries: { nodes: Entry[] } }>(tok('auditor'), query, { a: action })).data.auditEntries.nodes;
}

describe('a consent', () => {
  test('is recorded, withdrawn and given again, and all of it stays as history', async () => {
    const first = (await record({ subject: '1', purpose: 'marketing', until: '2099-01-01T00:00:00Z', source: 'form 7' })).data.recordConsent;
    expect(first).toMatchObject({
      subject: '1',
      purpose: 'marketing',
      until: '2099-01-01T00:00:00.000Z',
      withdrawnAt: null,
      inForce: true,
      source: 'form 7',
      recordedBy: 'steward',
    });
    expect((await read(one, 'marketing')).ids).toEqual(['1']);

    const withdrawn = (await withdraw('1', two, 'admin')).data.withdrawConsent;
    expect(withdrawn).toMatchObject({ id: first['id'], inForce: false, withdrawnBy: 'admin', from: first['from'], until: first['until'] });
    expect((await read(one, 'marketing')).ids).toEqual([]);
    // Again is once.
    expect((await withdraw('1')).data.withdrawConsent).toEqual(withdrawn);

    await record({ subject: '1', purpose: 'marketing' });
    expect((await read(two, 'marketing')).ids).toEqual(['1']);
    const all = await history('1');
    expect(all.map(({ inForce, withdrawnBy }) => [inForce, withdrawnBy])).toEqual([
      [true, null],
      [false, 'admin'],
    ]);
    expect(all[1]).toEqual(withdrawn);
    expect(await history('nobody')).toEqual([]);
  });

  test('is withdrawn with all its periods, those to come too, and with those of no other purpose', async () => {
    await record({ subject: '2', purpose: 'marketing', from: '2020-01-01T00:00:00Z', until: '2021-01-01T00:00:00Z' });
    await record({ subject: '2', purpose: 'marketing', until: '2098-01-01T00:00:00Z' });
    await record({ subject: '2', purpose: 'marketing', from: new Date(Date.now() + 86_400_000).toISOString() });
    await record({ subject: '2', purpose: 'billing' });
    expect((await read(one, 'marketing')).ids).toContain('2');
    await withdraw('2');
    expect((await read(one, 'marketing')).ids).not.toContain('2');
    // What was over already stays as it was.
    expect((await history('2')).map(({ purpose, inForce, withdrawnBy }) => [purpose, inForce, withdrawnBy])).toEqual([
      ['billing', true, null],
      ['marketing', false, 'steward'],
      ['marketing', false, 'steward'],
      ['marketing', false, null],
    ]);
  });

  test('can be recorded a thousand at a time: all or none', async () => {
    const all = (inputs: unknown) =>
      one.ask<{ recordConsents: number }>(tok('steward'), 'mutation ($inputs: [ConsentInput!]!) { recordConsents(inputs: $inputs) }', { inputs });
    const thousand = Array.from({ length: 1000 }, (_, i) => ({ subject: `bulk-${i}`, purpose: 'marketing', source: 'import' }));
    expect((await all(thousand)).data.recordConsents).toBe(1000);
    expect(await history('bulk-999')).toMatchObject([{ inForce: true, source: 'import' }]);
    expect((await all([...thousand, thousand[0]])).errors?.[0]).toMatchObject({ extensions: { code: 'BAD_USER_INPUT', path: 'inputs' } });
    const wrong = await all([
      { subject: 'whole', purpose: 'marketing' },
      { subject: 'other', purpose: 'marketting' },
    ]);
    expect(wrong.errors?.[0]).toMatchObject({
      message: 'inputs.1.purpose: there is no purpose "marketting". Did you mean "marketing"? Known: billing, marketing.',
      extensions: { code: 'BAD_USER_INPUT', path: 'inputs.1.purpose' },
    });
    expect(await history('whole')).toEqual([]);
    expect((await all([])).data.recordConsents).toBe(0);
  });

  test.each([
    ['a subject', { subject: '' }, 'subject'],
    ['a subject that is not blank', { subject: '  ' }, 'subject'],
    ['a subject that is not too long', { subject: 'x'.repeat(501) }, 'subject'],
    ['a subject that the database can hold', { subject: 'a\0' }, 'subject'],
    ['a purpose that is there', { purpose: 'analytics' }, 'purpose'],
    ['a time that is not far in the future', { from: '2999-01-01T00:00:00Z' }, 'from'],
    ['a time that is not far in the past', { from: '0999-01-01T00:00:00Z' }, 'from'],
    ['an end after the beginning', { from: '2020-01-02T00:00:00Z', until: '2020-01-02T00:00:00Z' }, 'until'],
    ['an end that is to come, when it begins now', { until: '2020-01-02T00:00:00Z' }, 'until'],
    ['an end within a lifetime', { until: '2999-01-01T00:00:00Z' }, 'until'],
    ['a note that is not too long', { source: 'x'.repeat(1001) }, 'source'],
  ])('needs %s', async (_, given, path) => {
    const { errors } = await record({ subject: '1', purpose: 'marketing', ...given });
    expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT', path } }]);
  });

  test('that was never given can not be withdrawn, and a withdrawal takes no times', async () => {
    expect((await withdraw('4711')).errors).toMatchObject([{ extensions: { code: 'NOT_FOUND' } }]);
    const { errors } = await one.ask(tok('steward'), WITHDRAW, { input: { subject: '1', purpose: 'marketing', from: '2020-01-01T00:00:00Z' } });
    expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT', path: 'input.from' } }]);
  });

  test('is the business of stewards and admins', async () => {
    for (const who of ['engineer', 'auditor', 'promoter']) {
      for (const answer of [
        await record({ subject: '1', purpose: 'marketing' }, one, who),
        await withdraw('1', one, who),
        await one.ask(tok(who), HISTORY, { subject: '1' }),
      ])
        expect(answer.errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }]);
    }
    expect((await one.ask(null, HISTORY, { subject: '1' })).errors).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED' } }]);
    expect((await entries('recordConsent')).filter(({ decision }) => decision === 'DENIED')).toHaveLength(3);
  });

  test('is on the record with each change, under a keyed hash of the person and never by name', async () => {
    await record({ subject: 'canary@example.com', purpose: 'marketing', source: 'canary note' });
    await withdraw('canary@example.com');
    await history('canary@example.com');
    const subject = subjectReference(one.app.keyRing, 'canary@example.com');
    expect(subject).toMatch(/^[0-9a-f]{64}$/);
    const found = await Promise.all(
      ['consent.record', 'consent.withdraw', 'consent.list'].map(async (action) =>
        (await entries(action)).filter(({ details }) => details['subject'] === subject),
      ),
    );
    expect(found).toEqual([
      [
        {
          principal: 'steward',
          action: 'consent.record',
          decision: 'ALLOWED',
          rowCount: null,
          details: { subject, purpose: 'marketing', consent: expect.any(String) as string },
        },
      ],
      [{ principal: 'steward', action: 'consent.withdraw', decision: 'ALLOWED', rowCount: null, details: { subject, purpose: 'marketing', ended: 1 } }],
      [{ principal: 'steward', action: 'consent.list', decision: 'ALLOWED', rowCount: '1', details: { subject } }],
    ]);
    expect(JSON.stringify(await one.sql('SELECT * FROM headgate.audit_record'))).not.toContain('canary');
  });
});

test('a change that was answered holds for whatever is asked after, in the other process, of kept answers too', async () => {
  await record({ subject: '3', purpose: 'marketing' });
  for (let i = 0; i < 15; i++) {
    const [here, there] = i % 2 === 0 ? [one, two] : [two, one];
    await withdraw('3', here);
    const [a, b] = await Promise.all([read(there, 'marketing'), read(here, 'marketing')]);
    expect([a.ids.includes('3'), b.ids.includes('3')]).toEqual([false, false]);
    await record({ subject: '3', purpose: 'marketing' }, here);
    expect((await read(there, 'marketing')).ids).toContain('3');
    // Kept, since nobody's consent is asked for.
    expect((await read(there, 'billing')).totalCount).toBe(3);
  }
});

test('a file over HTTP holds those who consent now, and needs a purpose', async () => {
  await record({ subject: '3', purpose: 'marketing' });
  const file = async (headers: Record<string, string>) =>
    fetch(`${one.url}/export/people?format=csv&orderBy=${encodeURIComponent('[{"id":"ASC"}]')}`, {
      headers: { authorization: `Bearer ${tok('promoter')}`, ...headers },
    });
  expect(await (await file({ 'x-purpose': 'marketing' })).text()).toContain('3,c@example.com');
  await withdraw('3');
  expect(await (await file({ 'x-purpose': 'marketing' })).text()).not.toContain('c@example.com');
  expect(await (await file({ 'x-purpose': 'billing' })).text()).toContain('c@example.com');
  const refused = await file({});
  expect([refused.status, await refused.json()]).toMatchObject([403, { code: 'PURPOSE_REQUIRED' }]);
});

test('a token tells nothing of who does not consent, although it was looked up before', async () => {
  const ask = async (purpose: string, query: string, variables = {}) => (await one.ask(tok('caller'), query, variables, { 'x-purpose': purpose })).data;
  const { person } = (await ask('billing', '{ person: peopleByKey(id: "3") { email } }')) as { person: { email: string } };
  const lookUp = (purpose: string) =>
    ask(purpose, 'mutation ($t: [String!]!) { detokenize(input: { dataset: "people", field: "email", tokens: $t, reason: "a call" }) { value } }', {
      t: [person.email],
    });
  await record({ subject: '3', purpose: 'marketing' });
  expect(await lookUp('marketing')).toEqual({ detokenize: [{ value: 'c@example.com' }] });
  await withdraw('3');
  expect(await lookUp('marketing')).toEqual({ detokenize: [{ value: null }] });
  expect(await lookUp('billing')).toEqual({ detokenize: [{ value: 'c@example.com' }] });
});

test('what a principal sees is explained with the consent that it needs', async () => {
  const access = async (purpose?: string) =>
    (
      await one.ask<{ access: unknown }>(
        tok('steward'),
        'query ($as: PrincipalInput!) { access(dataset: "people", as: $as) { rows rowFilters consent grants fields { code } } }',
        {
          as: { roles: ['promoter'], purposes: ['marketing', 'billing'], ...(purpose && { purpose }) },
        },
      )
    ).data.access;
  const seen = { rowFilters: [], grants: ['promoters'], fields: [{ code: null }, { code: null }] };
  expect(await access('marketing')).toEqual({ ...seen, rows: 'some', consent: 'marketing' });
  expect(await access('billing')).toEqual({ ...seen, rows: 'all', consent: null });
  expect(await access()).toEqual({
    rows: 'none',
    rowFilters: [],
    consent: null,
    grants: [],
    fields: [{ code: 'PURPOSE_REQUIRED' }, { code: 'PURPOSE_REQUIRED' }],
  });
  const { data } = await one.ask(tok('promoter'), '{ dataset(name: "people") { subject consentPurposes rowCount } }', {}, { 'x-purpose': 'marketing' });
  // How many rows there are would tell of those who are not to be seen.
  expect(data).toEqual({ dataset: { subject: 'id', consentPurposes: ['marketing'], rowCount: null } });
});

describe('subscriptions', () => {
  const EVENTS = 'subscription { peopleChanged { totalCount nodes { id } } }';
  const idsOf = (result: unknown): string[] =>
    (result as { data: { peopleChanged: { nodes: { id: string }[] } } }).data.peopleChanged.nodes.map(({ id }) => id).toSorted();

  test('that are open tell of nobody who has withdrawn, in both processes, to many who wait for the same', async () => {
    const params = { authorization: `Bearer ${tok('promoter')}`, purpose: 'marketing' };
    const listeners = [one, two].flatMap(({ url }) => Array.from({ length: 6 }, () => new Listener(url, params, { query: EVENTS })));
    const started = async (count: number) => expect((await entries('subscribe')).length).toBeGreaterThanOrEqual(count);
    await vi.waitFor(() => started(listeners.length), PATIENT);
    await record({ subject: '100', purpose: 'marketing' });
    let told = 0;
    for (let i = 0; i < 8; i++) {
      const isOn = i % 2 === 0;
      if (isOn) await record({ subject: '200', purpose: 'marketing' });
      else await withdraw('200');
      // Both come anew with each load, so that each event could hold both.
      await load(`id,email\n100,x${i}@example.com\n200,y${i}@example.com\n`, 'merge');
      told += 1;
      for (const listener of listeners) {
        const events = await listener.events(told);
        expect(idsOf(events.at(-1))).toEqual(isOn ? ['100', '200'] : ['100']);
      }
    }
    // Where there is nobody to tell of, there is no event.
    await withdraw('100');
    await load('id,email\n100,z@example.com\n200,z@example.com\n', 'merge');
    await record({ subject: '100', purpose: 'marketing' });
    await load('id,email\n100,zz@example.com\n', 'merge');
    for (const listener of listeners) {
      expect(idsOf((await listener.events(told + 1)).at(-1))).toEqual(['100']);
      expect(listener.results).toHaveLength(told + 1);
    }
    await Promise.all(listeners.map((listener) => listener.close()));
  });

  test('start only for a purpose', async () => {
    const listener = new Listener(one.url, { authorization: `Bearer ${tok('promoter')}` }, { query: EVENTS });
    expect((await listener.end()).errors).toMatchObject([{ extensions: { code: 'PURPOSE_REQUIRED' } }]);
    await listener.close();
  });
});
