import { until } from '../../support/processes.js';
import { Served } from '../../support/served.js';

/** Datasets about people: a key of text and one of numbers, one that is kept for the books, a derived one, sums, a secret one, a live one is not among them. */
export const CATALOG = `
kind: Purpose
name: support
---
kind: Dataset
name: customers
fields:
  - { name: id, type: integer }
  - { name: email, type: text, tags: [pii.email] }
  - { name: country, type: text, rules: [{ length: [2, 2] }] }
key: [id]
subject: id
---
kind: Dataset
name: orders
fields:
  - { name: number, type: text }
  - { name: customer, type: integer }
  - { name: phone, type: text, tags: [pii.phone] }
  - { name: amount, type: decimal }
key: [number]
subject: customer
onErase: nullify
---
kind: Dataset
name: visits
fields:
  - { name: visitor, type: text }
  - { name: page, type: text }
subject: visitor
---
kind: Dataset
name: watchlist
visibility: secret
fields:
  - { name: person, type: text }
  - { name: note, type: text }
subject: person
---
kind: Dataset
name: countries
fields: [{ name: code, type: text }]
---
kind: Pipeline
name: spending
steps:
  - { name: summed, sql: 'SELECT customer, sum(amount) AS spent FROM orders GROUP BY customer' }
  - { publish: { to: spending, key: [customer] } }
---
kind: Pipeline
name: pages
steps:
  - { name: counted, sql: 'SELECT visitor, count(*) AS pages FROM visits GROUP BY visitor' }
  - { publish: { to: pages } }
---
kind: Pipeline
name: turnover
steps:
  - { name: summed, sql: 'SELECT sum(spent) AS total FROM spending' }
  - { publish: { to: turnover } }
---
kind: Grant
name: officers
to: { roles: [officer] }
on: { datasets: [customers, orders, visits, spending] }
rights: [export]
fields: { '*': allow }
---
kind: Grant
name: clerks
to: { roles: [clerk] }
on: { datasets: [customers] }
rights: [export]
fields: { '*': allow, 'tag:pii': { mask: redact }, country: deny }
---
kind: Grant
name: clerks_orders
to: { roles: [clerk] }
on: { datasets: [orders] }
rights: [export]
rows: amount < 100
fields: { '*': allow }
---
kind: Grant
name: blind
to: { roles: [blind] }
on: { datasets: [customers] }
rights: [export]
fields: { id: { mask: redact }, email: allow, country: allow }
---
kind: Grant
name: helpers
to: { roles: [helper] }
on: { datasets: [customers] }
purposes: [support]
rights: [export]
fields: { '*': allow }
---
kind: Grant
name: readers
to: { roles: [reader] }
on: { datasets: [customers] }
rights: [read]
fields: { '*': allow }
`;

export interface People {
  readonly served: Served;
  readonly admin: string;
  /** A steward without a grant. */
  readonly steward: string;
  /** A steward who may export all that is listed. */
  readonly officer: string;
  /** Loads the rows anew: of them person 7 has all kinds. */
  fill(): Promise<void>;
}

export async function openPeople(env: NodeJS.ProcessEnv = {}, beside?: Served): Promise<People> {
  const served = beside ? await beside.beside(env) : await Served.start(env);
  const admin = await served.token('root', ['admin']);
  const people = {
    served,
    admin,
    steward: await served.token('stella', ['steward']),
    officer: await served.token('olga', ['steward', 'officer']),
    fill: async () => fill(served, admin),
  };
  if (!beside) await apply(served, admin, CATALOG);
  return people;
}

export async function apply(served: Served, who: string, manifest: string): Promise<void> {
  const { errors } = await served.ask(who, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: manifest });
  if (errors) throw new Error(JSON.stringify(errors));
}

export async function runPipeline(served: Served, who: string, name: string): Promise<string> {
  const { data, errors } = await served.ask<{ runPipeline: { id: string } }>(who, 'mutation ($n: String!) { runPipeline(name: $n) { id } }', { n: name });
  if (errors) throw new Error(JSON.stringify(errors));
  return data.runPipeline.id;
}

export async function runEnded(served: Served, who: string, id: string): Promise<{ status: string; error: { code: string } | null }> {
  let run = { status: '', error: null as { code: string } | null };
  await until('the run is over', async () => {
    const { data } = await served.ask<{ run: typeof run }>(who, 'query ($id: ID!) { run(id: $id) { status error { code message } } }', { id });
    run = data.run;
    return !['QUEUED', 'RUNNING'].includes(run.status);
  });
  return run;
}

/** Loads the rows anew: of them person 7 has all kinds. */
export async function fill(served: Served, admin: string): Promise<void> {
  const load = async (dataset: string, text: string) => {
    const response = await served.upload(admin, dataset, text, {}, '?mode=replace&force=true');
    if (response.status !== 200) throw new Error(await response.text());
  };
  await served.sql('DELETE FROM headgate.quarantined_row');
  await load(
    'customers',
    'id,email,country\n7,seven@example.org,DE\n8,eight@example.org,FR\n007,double@example.org,DEU\n 7.0 ,float@example.org,DE\n8,other@example.org,FRA\n',
  );
  await load('orders', 'number,customer,phone,amount\nA1,7,+49 7,10\nA2,7,+49 77,500\nB1,8,+33 8,20\n');
  await load('visits', 'visitor,page\n7,/home\n7,/cart\n8,/home\n');
  await load('watchlist', 'person,note\n7,canary-secret\n');
  for (const name of ['spending', 'turnover']) {
    const { status } = await runEnded(served, admin, await runPipeline(served, admin, name));
    if (status !== 'SUCCEEDED') throw new Error(`${name}: ${status}`);
  }
}

const ERASE = `mutation ($s: String!, $r: String!) { eraseSubject(subject: $s, reason: $r) {
  id subjectReference erasedAt by reason datasets { dataset rows nullified } quarantined staged keysDestroyed others { name count } elsewhere recompute openRuns } }`;

export interface Receipt {
  readonly id: string;
  readonly subjectReference: string;
  readonly datasets: readonly { dataset: string; rows: number; nullified: number }[];
  readonly quarantined: number;
  readonly staged: number;
  readonly recompute: readonly string[];
  readonly openRuns: readonly string[];
}

export function erase(served: Served, who: string | null, subject: string, reason = 'request of 3 March') {
  return served.ask<{ eraseSubject: Receipt }>(who, ERASE, { s: subject, r: reason });
}

const EXPORT = `mutation ($s: String!) { exportSubject(subject: $s) { id url expiresAt datasets { dataset rows quarantined } withheld masked elsewhere waiting complete } }`;

export interface Exported {
  readonly id: string;
  readonly url: string;
  readonly datasets: readonly { dataset: string; rows: number; quarantined: number | null }[];
  readonly withheld: readonly string[];
  readonly masked: readonly string[];
  readonly waiting: readonly string[];
  readonly complete: boolean;
}

export function exportSubject(served: Served, who: string | null, subject: string, headers: Record<string, string> = {}) {
  return served.ask<{ exportSubject: Exported }>(who, EXPORT, { s: subject }, headers);
}

export function download(served: Served, who: string | null, url: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${served.url}${url}`, { headers: { ...(who && { authorization: `Bearer ${who}` }), ...headers } });
}
