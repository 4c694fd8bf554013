import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { startApp, type App } from '../../src/app.js';
import { loadConfig } from '../../src/config/index.js';
import { Listener } from '../support/live.js';
import { Served } from '../support/served.js';

const MANIFESTS = `
kind: Dataset
name: people
typeName: Person
subject: id
fields:
  - { name: id, type: bigint, required: true }
  - { name: passport, type: text, encrypted: true, tags: [pii.passport] }
key: [id]
---
kind: Dataset
name: places
fields: [{ name: id, type: bigint, required: true }]
key: [id]
---
kind: Pipeline
name: counted
schedule: { cron: '30 2 * * *', timeZone: Europe/Berlin, catchUp: all }
steps:
  - { name: counted, sql: 'SELECT count(*) AS n FROM places' }
  - { publish: { to: place_count } }
---
kind: Grant
name: loaders
to: { roles: [loader] }
on: { datasets: [people, places] }
rights: [ingest]
fields: { '*': allow }
`;
const RUN = 'id status attempt priority deadLetter parentId redrivenAs nextAttemptAt requestedBy rowsLoaded error { code } lastError { code message }';

/** A gateway; what it queues waits until a process with the role worker is there. */
let served: Served;
let worker: App | undefined;
const tokens: Record<string, string> = {};
const listeners: Listener[] = [];

interface RunAnswer {
  readonly id: string;
  readonly status: string;
  readonly [field: string]: unknown;
}

beforeAll(async () => {
  served = await Served.start({ HEADGATE_ROLES: 'gateway' });
  for (const role of ['admin', 'steward', 'engineer', 'loader', 'other']) tokens[role] = await served.token(role, [role]);
  expect((await served.ask(as('admin'), 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: MANIFESTS })).errors).toBeUndefined();
});
afterAll(async () => {
  await Promise.all(listeners.map((listener) => listener.close()));
  await worker?.close();
  await served?.close();
});

function as(role: string): string {
  return tokens[role] ?? '';
}

async function startWorker(): Promise<void> {
  const { user, password, host, port, database } = served.connection;
  const url = `postgres://${user}:${encodeURIComponent(password)}@/${database}?host=${encodeURIComponent(host)}&port=${port}`;
  worker ??= await startApp(loadConfig({ HEADGATE_HOME: served.home, DATABASE_URL: url, HEADGATE_ROLES: 'worker', LOG_LEVEL: 'silent' }));
}

async function ingest(role: string, dataset: string, content: string, more = ''): Promise<RunAnswer> {
  const { data, errors } = await served.ask<{ ingest: RunAnswer }>(
    as(role),
    `mutation ($d: String!, $c: String!) { ingest(input: { dataset: $d, content: $c, format: csv ${more} }) { ${RUN} } }`,
    { d: dataset, c: content },
  );
  expect(errors).toBeUndefined();
  return data.ingest;
}

async function shown(id: string): Promise<RunAnswer> {
  return (await served.ask<{ run: RunAnswer }>(as('engineer'), `query ($id: ID!) { run(id: $id) { ${RUN} } }`, { id })).data.run;
}

/** As if its tries had been used up. */
async function giveUp({ id }: RunAnswer): Promise<void> {
  await served.sql(
    `UPDATE headgate.run SET status = 'FAILED', finished_at = now(), error_code = 'UNAVAILABLE', error_message = 'x', dead_lettered_at = now() WHERE id = '${id}'`,
  );
}

function watch(role: string | null, id: string): Listener {
  const query = 'subscription ($id: ID!) { runProgress(id: $id) { id status attempt rowsLoaded } }';
  const listener = new Listener(served.url, role === null ? {} : { authorization: `Bearer ${as(role)}` }, { query, variables: { id } });
  listeners.push(listener);
  return listener;
}

test('a run is queued with its priority, and while it waits to be tried again it says why and until when', async () => {
  const run = await ingest('engineer', 'places', 'id\n1\n', 'priority: HIGH');
  expect(run).toMatchObject({ status: 'QUEUED', priority: 'HIGH', nextAttemptAt: null, lastError: null, deadLetter: false });
  await served.sql(
    `UPDATE headgate.run SET not_before = '2999-01-01', tries = 1, last_error = '{"code":"TIMEOUT","message":"Too slow.","details":{}}' WHERE id = '${run.id}'`,
  );
  expect(await shown(run.id)).toMatchObject({ nextAttemptAt: '2999-01-01T00:00:00.000Z', lastError: { code: 'TIMEOUT', message: 'Too slow.' }, error: null });
  const { data } = await served.ask<{ cancelRun: RunAnswer }>(as('engineer'), `mutation ($id: ID!) { cancelRun(id: $id) { ${RUN} } }`, { id: run.id });
  expect(data.cancelRun).toMatchObject({ status: 'CANCELLED', nextAttemptAt: null });
});

test('what was given up is kept from an erasure by a hold on its dataset, and not by the deletion of that', async () => {
  const apply = async (m: string) =>
    expect((await served.ask(as('admin'), 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m })).errors).toBeUndefined();
  const eraseOne = () =>
    served.ask<{ eraseSubject: { others: unknown[] } }>(
      as('steward'),
      'mutation { eraseSubject(subject: "nobody-else", reason: "asked") { others { name count } } }',
    );
  await apply('kind: Dataset\nname: letters\nfields: [{ name: who, type: text }]\nsubject: who\n');
  await giveUp(await ingest('engineer', 'letters', 'who\nnobody-else\n'));
  const kept = () => served.sql("SELECT 1 AS one FROM headgate.run_content JOIN headgate.run ON run.id = run_id WHERE dataset = 'letters'");
  await apply('kind: LegalHold\nname: court\nreason: a dispute\ndatasets: [letters]\n');
  expect((await eraseOne()).errors?.[0]?.extensions).toMatchObject({ code: 'CONFLICT', hold: 'court' });
  expect(await kept()).toHaveLength(1);
  await apply('kind: LegalHold\nname: court\nstate: absent\n');
  await apply('kind: Dataset\nname: letters\nstate: absent\n');
  expect(await kept()).toHaveLength(1);
  expect((await eraseOne()).data.eraseSubject.others).toContainEqual({ name: 'dead letters', count: 1 });
  expect(await kept()).toEqual([]);
});

test('what was given up is redriven from its kept content, sealed where a field is; but not of whom was erased meanwhile', async () => {
  const [kept, erased, twice] = [
    await ingest('engineer', 'people', 'id,passport\n12,KEPT-1\n'),
    await ingest('engineer', 'people', 'id,passport\n"0013",GONE-1\n14,GONE-2\n'),
    await ingest('engineer', 'places', 'id\n13\n'),
  ];
  for (const run of [kept, erased, twice]) await giveUp(run);
  expect(await served.sql("SELECT run_id FROM headgate.run_content WHERE position('KEPT-1'::bytea in content) > 0")).toEqual([]);
  const dead = async () =>
    (await served.ask<{ runs: { nodes: RunAnswer[]; totalCount: number } }>(as('engineer'), `{ runs(deadLetter: true) { totalCount nodes { id } } }`)).data
      .runs;
  expect(await dead()).toMatchObject({ totalCount: 3 });

  const receipt = await served.ask<{ eraseSubject: { others: unknown[] } }>(
    as('steward'),
    'mutation { eraseSubject(subject: "13", reason: "asked") { others { name count } } }',
  );
  // Places are about nobody.
  expect(receipt.data.eraseSubject.others).toContainEqual({ name: 'dead letters', count: 1 });
  expect((await dead()).nodes.map(({ id }) => id).toSorted()).toEqual([kept.id, twice.id].toSorted());

  const mutation = `mutation ($d: String, $ids: [ID!]) { redriveRuns(dataset: $d, ids: $ids) { ${RUN} } }`;
  expect((await served.ask(as('loader'), mutation, { d: 'people' })).errors?.[0]?.extensions['code']).toBe('FORBIDDEN');
  expect((await served.ask(as('engineer'), mutation)).errors?.[0]?.extensions['code']).toBe('BAD_USER_INPUT');
  const { data } = await served.ask<{ redriveRuns: RunAnswer[] }>(as('admin'), mutation, { d: 'people' });
  expect(data.redriveRuns).toMatchObject([{ parentId: kept.id, status: 'QUEUED', requestedBy: 'engineer' }]);
  const again = data.redriveRuns[0]?.id ?? '';
  expect(await shown(kept.id)).toMatchObject({ status: 'FAILED', deadLetter: false, redrivenAs: again });
  const retried = await served.ask<{ retryRun: RunAnswer }>(as('engineer'), `mutation ($id: ID!) { retryRun(id: $id) { ${RUN} } }`, { id: twice.id });
  expect(retried.data.retryRun).toMatchObject({ parentId: twice.id });

  await startWorker();
  await vi.waitFor(async () => expect((await shown(again)).status).toBe('SUCCEEDED'), 15_000);
  expect(await shown(again)).toMatchObject({ rowsLoaded: '1' });
  expect(await served.sql("SELECT count(*)::int AS n FROM headgate.audit_record WHERE action = 'run.redrive' AND principal = 'admin'")).toEqual([{ n: 1 }]);
});

test('a run is followed from what it is now to its end, by who asked for it and by overseers, and by nobody else', async () => {
  await startWorker();
  // Its dataset is held, so that it runs until it is let go.
  const hold = served.sql("BEGIN; SELECT FROM headgate.dataset WHERE name = 'places' FOR UPDATE; SELECT pg_sleep(2.5); COMMIT");
  const run = await ingest('loader', 'places', 'id\n101\n102\n');
  const [own, overseer] = [watch('loader', run.id), watch('engineer', run.id)];
  expect((await watch('other', run.id).end()).errors[0]?.extensions.code).toBe('NOT_FOUND');
  expect((await watch(null, run.id).end()).errors[0]?.extensions.code).toBe('UNAUTHENTICATED');
  for (const listener of [own, overseer]) {
    await vi.waitFor(() => expect(listener.isComplete).toBe(true), 15_000);
    const seen = listener.results.map(({ data }) => data?.['runProgress'] as RunAnswer);
    expect(seen.at(-1)).toMatchObject({ id: run.id, status: 'SUCCEEDED', rowsLoaded: '2' });
    expect(seen.some(({ status }) => status === 'RUNNING')).toBe(true);
    // It was under way for some 2 s, with a heartbeat each second.
    expect(seen.length).toBeLessThan(12);
  }
  await hold;
  const over = watch('engineer', run.id);
  await vi.waitFor(() => expect(over.isComplete).toBe(true), 5_000);
  expect(over.results).toHaveLength(1);
});

test('a pipeline shows its schedule, and each of its times is a run that nobody of those outside asked for', async () => {
  await startWorker();
  const query = '{ pipeline(name: "counted") { schedule { cron timeZone catchUp } nextRunAt } }';
  const { data } = await served.ask<{ pipeline: { nextRunAt: string } }>(as('engineer'), query);
  expect(data.pipeline).toMatchObject({ schedule: { cron: '30 2 * * *', timeZone: 'Europe/Berlin', catchUp: 'all' } });
  const next = new Date(data.pipeline.nextRunAt);
  expect(new Intl.DateTimeFormat('en-GB', { timeStyle: 'short', timeZone: 'Europe/Berlin' }).format(next)).toMatch(/^0[23]:30$/);
  await served.sql("UPDATE headgate.schedule SET next_at = next_at - interval '3 days'");
  const runs = async () =>
    (await served.ask<{ runs: { nodes: RunAnswer[] } }>(as('engineer'), '{ runs(pipeline: "counted") { nodes { status requestedBy } } }')).data.runs.nodes;
  await vi.waitFor(async () => expect((await runs()).filter(({ status }) => status === 'SUCCEEDED').length).toBeGreaterThanOrEqual(2), 20_000);
  expect(new Set((await runs()).map(({ requestedBy }) => requestedBy))).toEqual(new Set(['schedule']));
  const entries = await served.sql("SELECT DISTINCT principal, roles FROM headgate.audit_record WHERE action IN ('pipeline.start', 'pipeline.run')");
  expect(entries).toEqual([{ principal: 'schedule', roles: [] }]);
  const exported = await fetch(`${served.url}/manifests`, { headers: { authorization: `Bearer ${as('engineer')}` } });
  expect(await exported.text()).toContain('Europe/Berlin');
});

test('the processes that work are shown with what they do, to those who oversee', async () => {
  await startWorker();
  const query = '{ workers { name host roles heartbeatAt runs { id } } }';
  await vi.waitFor(async () => {
    const { data } = await served.ask<{ workers: { roles: string[] }[] }>(as('engineer'), query);
    expect(data.workers.map(({ roles }) => roles)).toEqual([['gateway'], ['worker']]);
  }, 5_000);
  expect((await served.ask(as('other'), query)).errors?.[0]?.extensions['code']).toBe('FORBIDDEN');
  await worker?.close();
  worker = undefined;
  expect((await served.ask<{ workers: unknown[] }>(as('engineer'), query)).data.workers).toHaveLength(1);
});
