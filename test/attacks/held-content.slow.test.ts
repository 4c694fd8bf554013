import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InboxSweep } from '../../src/ingestion/index.js';
import { silentLog } from '../../src/kernel/index.js';
import { Database } from '../../src/store/index.js';
import { apply as applyAs, download, erase, exportSubject } from '../delivery/subjects/people.js';
import { ENV, post, signed, waits } from '../http/events-support.js';
import { unzip } from '../support/archives.js';
import { until } from '../support/processes.js';
import { Served } from '../support/served.js';

/** What legal holds keep of contents that wait and are in no table. Loads wait, since no process works. */
let served: Served;
let admin: string;

const MANIFESTS = `
kind: Dataset
name: letters
fields: [{ name: who, type: text }, { name: by, type: text }, { name: text, type: text }]
subject: who
---
kind: Dataset
name: senders
fields: [{ name: by, type: text }]
subject: by
---
kind: Dataset
name: kept_letters
fields: [{ name: who, type: text }]
subject: who
---
kind: Source
name: post
type: events
signature: { secrets: ['\${HEADGATE_SECRET_SHOP}'] }
---
kind: Collector
name: post_letters
source: post
dataset: letters
events: { fields: { who: /who, by: /by } }
---
kind: Collector
name: post_senders
source: post
dataset: senders
events: { fields: { by: /by } }
---
kind: LegalHold
name: court
reason: a dispute
subjects: [henry]
`;
const WHOLE = 'kind: LegalHold\nname: archive\nreason: a duty\ndatasets: [kept_letters]\n';

beforeAll(async () => {
  served = await Served.start({ ...ENV, HEADGATE_ROLES: 'gateway' });
  admin = await served.token('root', ['admin', 'steward']);
  await applyAs(served, admin, MANIFESTS);
});
afterAll(() => served?.close());

/** A load that was given up, so many days ago. */
async function deadLetter(dataset: string, content: string, days = 0): Promise<string> {
  const { data, errors } = await served.ask<{ ingest: { id: string } }>(
    admin,
    'mutation ($d: String!, $c: String!) { ingest(input: { dataset: $d, content: $c, format: csv }) { id } }',
    { d: dataset, c: content },
  );
  expect(errors).toBeUndefined();
  await served.sql(
    `UPDATE headgate.run SET status = 'FAILED', finished_at = now(), error_code = 'UNAVAILABLE', error_message = 'x', dead_lettered_at = now() - interval '${days} days' WHERE id = '${data.ingest.id}'`,
  );
  return data.ingest.id;
}

const contents = async (): Promise<readonly string[]> =>
  ((await served.sql('SELECT run_id FROM headgate.run_content ORDER BY run_id')) as { readonly run_id: string }[]).map(({ run_id }) => run_id);

const beside = async (roles: string) =>
  served.beside({ ...ENV, HEADGATE_ROLES: roles, HEADGATE_MASTER_KEY: (await readFile(join(served.home, 'master.key'), 'utf8')).trim() });

const send = async (event: object) => {
  const text = JSON.stringify(event);
  expect((await post(served.url, 'post', text, signed(text))).status).toBe(202);
};

describe('an erasure', () => {
  test('is refused where the person stands in one dead letter with somebody whom a hold keeps, and takes those where they do not', async () => {
    const [both, theirs] = [
      await deadLetter('letters', 'who,by,text\nann,x,y\n"hen\nry",x,y\nhenry,x,y\n'),
      await deadLetter('letters', 'who,by,text\nann,x,y\n'),
    ];
    const { errors } = await erase(served, admin, 'ann');
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'CONFLICT', hold: 'court' });
    expect(errors?.[0]?.message).toMatch(/dead letters.*Have it loaded/);
    expect(await contents()).toEqual([both, theirs].toSorted());
    expect(await served.sql("SELECT decision FROM headgate.audit_record WHERE action = 'subject.erase' ORDER BY at DESC LIMIT 1")).toEqual([
      { decision: 'DENIED' },
    ]);
    await served.sql(`DELETE FROM headgate.run_content WHERE run_id = '${both}'`);
    const { data } = await erase(served, admin, 'ann');
    expect((data.eraseSubject as unknown as { readonly others: unknown }).others).toContainEqual({ name: 'dead letters', count: 1 });
    expect(await contents()).toEqual([]);
  });

  test('is refused where one event that waits is about both', async () => {
    await send({ who: 'bea', by: 'henry' });
    expect((await erase(served, admin, 'bea')).errors?.[0]?.extensions).toMatchObject({ code: 'CONFLICT', hold: 'court' });
    await send({ who: 'carl', by: 'dora' });
    expect((await erase(served, admin, 'carl')).errors).toBeUndefined();
    expect(await waits(served, 'post')).toBe(1);
  });
});

test('the archive of a person names what waits and may be about them, to who may export all that could become of it', async () => {
  await applyAs(
    served,
    admin,
    `kind: Grant\nname: officers\nto: { roles: [officer] }\non: { datasets: [letters, senders] }\nrights: [export]\nfields: { '*': allow }
---\nkind: Grant\nname: clerks\nto: { roles: [clerk] }\non: { datasets: [letters] }\nrights: [export]\nfields: { '*': allow, text: { mask: redact } }\n`,
  );
  const asked = async (roles: readonly string[], subject: string) =>
    (await exportSubject(served, await served.token('olga', ['steward', ...roles]), subject)).data.exportSubject;
  expect(await asked(['officer'], 'emil')).toMatchObject({ waiting: [] });
  await send({ who: 'emil', by: 'emil' });
  const kept = await deadLetter('letters', 'who,by,text\nemil,x,y\n');
  const told = await asked(['officer'], 'emil');
  expect(told).toMatchObject({ waiting: ['events/letters', 'dead-letters/letters', 'events/senders'], complete: false });
  expect(await asked(['clerk'], 'emil')).toMatchObject({ waiting: [] });
  const archive = await download(served, await served.token('olga', ['steward', 'officer']), told.url);
  const files = await unzip(Buffer.from(await archive.arrayBuffer()));
  expect(JSON.parse(files['manifest.json'] ?? '{}')).toMatchObject({ waiting: told.waiting, complete: false });
  await served.sql(`DELETE FROM headgate.run_content WHERE run_id = '${kept}'`);
});

test('what was kept for its time goes, but for what a hold on a person in it or on its dataset keeps', async () => {
  await applyAs(served, admin, WHOLE);
  // More of them than are looked at together, before one that nothing holds.
  const held = [await deadLetter('letters', 'who,by,text\nzoe,x,y\nhenry,x,y\n', 8), await deadLetter('kept_letters', 'who\nzoe\n', 8)];
  await served.sql(
    `WITH r AS (INSERT INTO headgate.run SELECT (jsonb_populate_record(run, jsonb_build_object('id', '00000000-0000-4000-8000-' || lpad(n::text, 12, '0')))).* FROM headgate.run, generate_series(1, 120) AS n WHERE id = '${held[1]}' RETURNING id)
     INSERT INTO headgate.run_content SELECT id, 'x' FROM r`,
  );
  const [free, fresh] = [await deadLetter('letters', 'who,by,text\nzoe,x,y\n', 8), await deadLetter('letters', 'who,by,text\nzoe,x,y\n', 6)];
  const other = await beside('gateway');
  try {
    await until('the one that nothing holds is gone', async () => !(await contents()).includes(free));
    expect(await contents()).toEqual(expect.arrayContaining([...held, fresh]));
    expect(await contents()).toHaveLength(123);
  } finally {
    await other.app.close();
  }
  for (const name of ['court', 'archive']) await applyAs(served, admin, `kind: LegalHold\nname: ${name}\nstate: absent\n`);
  const after = await beside('gateway');
  try {
    await until('what nothing holds any more is gone', async () => (await contents()).length === 1);
    expect(await contents()).toEqual([fresh]);
  } finally {
    await after.app.close();
  }
});

test('events without a collector go after their time, but not while a hold is on a dataset, nor those about somebody whom one keeps', async () => {
  await served.sql('DELETE FROM headgate.inbox');
  await applyAs(served, admin, 'kind: LegalHold\nname: court\nreason: a dispute\nsubjects: [henry]\n');
  await send({ who: 'henry' });
  await send({ who: 'zoe' });
  await send({ who: 'yan' });
  await served.sql("UPDATE headgate.inbox SET received_at = now() - interval '8 days' WHERE id < (SELECT max(id) FROM headgate.inbox)");
  await applyAs(served, admin, 'kind: Collector\nname: post_letters\nstate: absent\n---\nkind: Collector\nname: post_senders\nstate: absent\n');
  await applyAs(served, admin, WHOLE);
  const database = await Database.open({ connection: served.connection, entities: [], statementTimeoutMs: 10_000 });
  const cipher = { contents: () => Promise.reject(new Error('nothing is to be opened')) };
  await new InboxSweep({ database, cipher, log: silentLog }).sweep().finally(() => database.close());
  expect(await waits(served, 'post')).toBe(3);
  await applyAs(served, admin, 'kind: LegalHold\nname: archive\nstate: absent\n');
  const worker = await beside('gateway,worker');
  try {
    await until('the one that nothing holds is gone', async () => (await waits(served, 'post')) === 2, 30_000);
    expect(await served.sql("SELECT count(*)::int AS n FROM headgate.inbox WHERE received_at < now() - interval '7 days'")).toEqual([{ n: 1 }]);
  } finally {
    await worker.app.close();
  }
}, 60_000);
