import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Served } from '../support/served.js';

/**
 * Grants, revocations and the catalog change under load: no answer is ever other than what the grants before or after allow,
 * from either of two processes (decisions and answers kept across principals: CVE-2025-31485, CVE-2025-27097).
 */
const CLIENTS = 50;
/** A minute with HEADGATE_TEST_LONG; the tests of every day have less. */
const RUNS_MS = process.env['HEADGATE_TEST_LONG'] === undefined ? 20_000 : 60_000;
/** A change that another process made is in force here after this time at the latest, and the test's own second for a busy machine. */
const SPREADS_MS = 3_000;

let here: Served;
let there: Served;
let admin: string;
const callers: Record<string, string> = {};

interface State {
  readonly name: string;
  readonly manifest: string;
}

/** Each is a whole catalog and policy: what is seen of a field, of rows, across a relation, and the fields that there are. */
const STATES: readonly State[] = [
  state('all open', { email: 'allow', rows: '', orders: true, extra: false }),
  state('masked', { email: '{ mask: redact }', rows: '', orders: true, extra: false }),
  state('some rows', { email: 'allow', rows: "country = 'DE'", orders: true, extra: true }),
  state('hashed, some rows, no relation', { email: '{ mask: hash }', rows: "country = 'FR'", orders: false, extra: false }),
  state('denied', { email: 'deny', rows: '', orders: true, extra: true }),
];

function state(name: string, { email, rows, orders, extra }: { email: string; rows: string; orders: boolean; extra: boolean }): State {
  const manifest = `
kind: Dataset
name: people
typeName: Person
cache: { ttl: 60s }
fields:
  - { name: id, type: integer, required: true }
  - { name: email, type: text }
  - { name: country, type: text }
key: [id]
relations:
  - { name: orders, to: orders, on: { id: person_id }, many: true }
---
kind: Dataset
name: orders
fields:
  - { name: id, type: integer, required: true }
  - { name: person_id, type: integer }
  - { name: amount, type: integer }
key: [id]
---
kind: Dataset
name: extras
${extra ? 'fields: [{ name: id, type: integer, required: true }]\nkey: [id]' : 'state: absent'}
---
kind: Grant
name: readers
to: { roles: [reader] }
on: { datasets: [people] }
${rows === '' ? '' : `rows: "${rows}"\n`}fields: { id: allow, country: allow, email: ${email} }
---
kind: Grant
name: orders
${orders ? "to: { roles: [reader] }\non: { datasets: [orders] }\nfields: { '*': allow }" : 'state: absent'}
---
kind: Grant
name: partners
to: { roles: [partner] }
on: { datasets: [people] }
fields: { id: allow${email === 'allow' ? '' : ', country: allow'} }
`;
  return { name, manifest };
}

/** What clients ask, over every way that has a kept decision, plan or answer. */
const ASKED: readonly (readonly [caller: string, path: string, query?: string])[] = [
  ['reader', '/graphql', '{ people(orderBy: [{ id: ASC }]) { nodes { id email country } totalCount } }'],
  ['reader', '/graphql', '{ a: people(where: { country: { eq: "DE" } }, orderBy: [{ id: ASC }]) { nodes { id mail: email } } }'],
  ['reader', '/graphql', '{ people { totalCount aggregate { count countDistinct { country } min { country } } } }'],
  ['reader', '/graphql', '{ people(orderBy: [{ id: ASC }]) { nodes { id orders(orderBy: [{ id: ASC }]) { nodes { amount } totalCount } } } }'],
  ['reader', '/graphql', '{ x: peopleByKey(id: 2) { id email country } y: peopleByKey(id: 1) { email } }'],
  ['reader', '/graphql', '{ people(where: { email: { contains: "@" } }, orderBy: [{ id: ASC }]) { nodes { id } } }'],
  ['reader', '/graphql', '{ people { groupBy(keys: [{ country: true }], orderBy: [{ key: { country: ASC } }]) { keys { country } aggregate { count } } } }'],
  ['reader', '/export/people?format=csv&fields=id,email,country&orderBy=' + encodeURIComponent('[{"id":"ASC"}]')],
  ['partner', '/graphql', '{ people(orderBy: [{ id: ASC }]) { nodes { id country } totalCount } }'],
  ['partner', '/graphql', '{ people(orderBy: [{ id: ASC }]) { nodes { id email } } }'],
  ['anonymous', '/graphql', '{ people { nodes { id } } }'],
  ['partner', '/graphql', '{ __type(name: "Extras") { fields { name } } }'],
];

beforeAll(async () => {
  const limits = { HEADGATE_RATE_LIMIT: '1000000', HEADGATE_RATE_LIMIT_INTROSPECTION: '1000000', HEADGATE_MAX_CONCURRENT_READS: '1000' };
  here = await Served.start(limits);
  const { readFile } = await import('node:fs/promises');
  there = await here.beside({ ...limits, HEADGATE_MASTER_KEY: (await readFile(`${here.home}/master.key`, 'utf8')).trim() });
  admin = await here.token('ada', ['admin']);
  for (const role of ['reader', 'partner']) callers[role] = await here.token(role, [role], { ttlSeconds: 3_600 });
  await apply(STATES[0]);
  const engineer = await here.token('eve', ['engineer']);
  const people = Array.from({ length: 8 }, (_, i) => `${i + 1},p${i + 1}@example.com,${['DE', 'FR', 'PL'][i % 3]}`);
  expect((await here.upload(engineer, 'people', `id,email,country\n${people.join('\n')}\n`)).status).toBe(200);
  expect((await here.upload(engineer, 'orders', `id,person_id,amount\n1,1,10\n2,1,20\n3,2,30\n`)).status).toBe(200);
});

afterAll(async () => {
  await there?.close();
  await here?.close();
});

async function apply(next: State | undefined): Promise<void> {
  const { errors } = await here.ask(admin, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: next?.manifest });
  expect(errors).toBeUndefined();
}

/** The answer as one text, without what differs from request to request. */
async function ask(url: string, [caller, path, query]: (typeof ASKED)[number]): Promise<string> {
  const credential = callers[caller] === undefined ? {} : { authorization: `Bearer ${callers[caller]}` };
  const response = query
    ? await fetch(url + path, { method: 'POST', headers: { 'content-type': 'application/json', ...credential }, body: JSON.stringify({ query }) })
    : await fetch(url + path, { headers: credential });
  return `${response.status} ${await response.text()}`;
}

test(`${CLIENTS} clients at two processes meet one state or the next, and never anything else`, { timeout: RUNS_MS + 120_000 }, async () => {
  /** When each state began to be applied, and when it was; the last one is open. */
  const history: { readonly state: number; readonly from: number; done: number }[] = [];
  const change = async (state: number): Promise<void> => {
    const entry = { state, from: performance.now(), done: Number.POSITIVE_INFINITY };
    history.push(entry);
    await apply(STATES[state]);
    entry.done = performance.now();
  };
  // What each state allows, asked while nothing changes.
  const allowed: string[][] = [];
  for (const next of [...STATES, ...STATES]) {
    await change(STATES.indexOf(next));
    const answers = await Promise.all(ASKED.map((asked) => ask(here.url, asked)));
    const index = STATES.indexOf(next);
    // The same state gives the same answers, or there would be nothing to hold others against.
    if (allowed[index]) expect(answers).toEqual(allowed[index]);
    else allowed.push(answers);
  }
  expect(new Set(allowed.map((answers) => answers[0])).size).toBe(STATES.length);

  const ends = performance.now() + RUNS_MS;
  const wrong: string[] = [];
  const met = new Set<number>();
  let [answers, changes, revoked, turnedAway] = [0, 0, 0, 0];

  // On a slow machine it takes longer until each state was there, and was met.
  const goesOn = () => performance.now() < ends || changes < STATES.length || met.size < STATES.length;
  const changing = (async () => {
    for (let i = 0; goesOn(); i++) {
      await change((i * 3) % STATES.length);
      changes += 1;
      await delay(50 + (i % 7) * 40);
    }
  })();
  const revoking = (async () => {
    while (goesOn()) {
      const token = await here.token(`gone${revoked}`, ['reader']);
      const credential = { authorization: `Bearer ${token}` };
      const body = JSON.stringify({ query: '{ people { totalCount } }' });
      const send = (url: string) => fetch(`${url}/graphql`, { method: 'POST', headers: { 'content-type': 'application/json', ...credential }, body });
      const { jti } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { jti: string };
      await here.ask(admin, 'mutation ($id: ID!) { revokeToken(id: $id) }', { id: jti });
      const revokedAt = performance.now();
      for (const { url } of [here, there]) {
        let { status } = await send(url);
        while (status !== 401 && performance.now() - revokedAt < SPREADS_MS) {
          await delay(100);
          ({ status } = await send(url));
        }
        if (status !== 401) wrong.push(`a revoked token was answered ${status}`);
      }
      // Ended is ended.
      for (const { url } of [here, there]) if ((await send(url)).status !== 401) wrong.push('a revoked token was answered again');
      revoked += 1;
    }
  })();
  const clients = Array.from({ length: CLIENTS }, async (_, client) => {
    for (let i = client; goesOn(); i++) {
      const which = i % ASKED.length;
      const asked = ASKED[which];
      if (!asked) continue;
      const isHere = client % 2 === 0;
      const from = performance.now();
      const answer = await ask(isHere ? here.url : there.url, asked);
      const to = performance.now();
      // Turned away for the number of exports, it tells nothing of the rows.
      if (/^(429|503) \{"reason":/.test(answer)) {
        turnedAway += 1;
        continue;
      }
      answers += 1;
      // A state may be met from the moment when it began to be applied, to that when the next one was in force here.
      const slack = isHere ? 0 : SPREADS_MS;
      const possible = history.filter((entry, n) => entry.from <= to && (history[n + 1]?.done ?? Number.POSITIVE_INFINITY) + slack >= from);
      const fits = possible.filter((entry) => allowed[entry.state]?.[which] === answer);
      for (const entry of fits) met.add(entry.state);
      if (fits.length > 0) continue;
      const at = (ms: number) => Math.round(ms - from);
      const told = history.slice(-6).map((entry) => `${STATES[entry.state]?.name} (from ${at(entry.from)} to ${at(entry.done)} ms)`);
      wrong.push(
        `${isHere ? 'here' : 'there'}, in ${at(to)} ms: ${asked.join(' ')}\n${answer}\nwas not in force; applied, by when it was asked: ${told.join(', ')}`,
      );
    }
  });
  await Promise.all([changing, revoking, ...clients]);
  console.log(`${answers} answers, ${changes} changes, ${revoked} tokens revoked, ${turnedAway} turned away`);
  expect(wrong.slice(0, 3)).toEqual([]);
  expect(changes).toBeGreaterThanOrEqual(STATES.length);
  expect(met.size).toBe(STATES.length);
  expect(answers).toBeGreaterThan(CLIENTS * 5);
});
