import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLog } from '../../src/kernel/index.js';
import { Database, Notifications } from '../../src/store/index.js';
import { SubjectKeys } from '../../src/vault/index.js';
import { until } from '../support/processes.js';
import { Served } from '../support/served.js';
import { CSV, MANIFESTS } from './manifests.js';

let served: Served;
let database: Database;
let notifications: Notifications;
let keys: SubjectKeys;
let admin: string;
let doctor: string;

beforeAll(async () => {
  served = await Served.start();
  admin = await served.token('ada', ['admin']);
  doctor = await served.token('doc', ['doctor']);
  await served.ask(admin, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: MANIFESTS });
  expect((await served.upload(admin, 'patients', CSV)).status).toBe(200);
  expect((await served.upload(admin, 'visits', 'id,patient_id\n10,1\n11,2\n')).status).toBe(200);
  expect((await served.upload(admin, 'patients', 'id,person,national_id,note,country,free\nno,anna,4711-Q,,,\n')).status).toBe(200);
  database = await Database.open({ connection: served.connection, entities: [], statementTimeoutMs: 10_000 });
  notifications = new Notifications(served.connection, silentLog);
  await notifications.start();
  keys = new SubjectKeys({ database, keyRing: served.app.keyRing });
});
afterAll(async () => {
  await notifications?.close();
  await database?.close();
  await served?.close();
});

async function exported(format: string): Promise<string> {
  const response = await fetch(`${served.url}/export/patients?format=${format}&orderBy=id&fields=id,nationalId`, {
    headers: { authorization: `Bearer ${doctor}` },
  });
  return response.text();
}

async function everywhere(): Promise<unknown> {
  const { data, errors } = await served.ask(
    doctor,
    `{ patients(orderBy: [{ id: ASC }]) { nodes { nationalId note } } one: patientsByKey(id: 1) { nationalId } visits { nodes { patient { nationalId } } }
       _entities(representations: [{ __typename: "Patients", id: 1 }]) { ... on Patients { nationalId } } quarantine(dataset: "patients") { nodes { raw } } }`,
  );
  expect(errors).toBeUndefined();
  return [data, await exported('csv'), await exported('ndjson')];
}

test('with the key of a person its values are null everywhere, without an error, also in rows that come from an old copy', async () => {
  const before = JSON.stringify(await everywhere());
  expect(before.match(/4711-A/g)).toHaveLength(9);
  expect(before).toContain('4711-Q');
  await served.sql('CREATE TABLE public.copy AS SELECT * FROM data.patients');

  await database.transaction(async (tx) => expect(await keys.destroy(tx, 'anna')).toBe(1));
  await until('the process that serves has heard of it', async () => !JSON.stringify(await everywhere()).includes('4711'), 2_000);
  const after = (await everywhere()) as [{ patients: unknown; quarantine: { nodes: { raw: { national_id: unknown } }[] } }, string, string];
  expect(after[0].patients).toEqual({
    nodes: [
      { nationalId: null, note: null },
      { nationalId: '4712-B', note: null },
      { nationalId: null, note: null },
      { nationalId: '4713-C', note: "nobody's" },
    ],
  });
  expect(after[0].quarantine.nodes.map(({ raw }) => raw.national_id)).toEqual([null]);
  expect(after[1]).toBe('id,nationalId\n1,\n2,4712-B\n3,\n4,4713-C\n');

  await served.sql('DELETE FROM data.patients');
  await served.sql('INSERT INTO data.patients SELECT * FROM public.copy');
  expect(await everywhere()).toEqual(after);

  // A new key for the same person opens what is loaded from then on, and nothing of before.
  expect((await served.upload(admin, 'patients', 'id,person,national_id,note,country,free\n9,anna,4711-A,,DE,\n')).status).toBe(200);
  expect(await exported('csv')).toBe('id,nationalId\n1,\n2,4712-B\n3,\n4,4713-C\n9,4711-A\n');
});

test('an envelope that somebody moved in the database opens nowhere else, and texts that look like one are texts', async () => {
  await served.sql('UPDATE data.patients SET national_id = (SELECT national_id FROM data.patients WHERE id = 2) WHERE id = 4');
  await served.sql(
    'UPDATE data.patients SET note = (SELECT national_id FROM data.patients WHERE id = 9), free = (SELECT national_id FROM data.patients WHERE id = 9) WHERE id = 9',
  );
  await served.sql("UPDATE data.patients SET national_id = 'written by hand' WHERE id = 1");
  const { data, errors } = await served.ask<{ patients: { nodes: { free: string }[] } }>(
    doctor,
    '{ patients(orderBy: [{ id: ASC }], where: { id: { in: [1, 4, 9] } }) { nodes { nationalId note free } } }',
  );
  expect(errors).toBeUndefined();
  expect(data.patients.nodes).toEqual([
    { nationalId: null, note: null, free: 'hge1.AAAAAAAAAAAAAAAAAAAAAA.AAAA' },
    { nationalId: null, note: "nobody's", free: null },
    { nationalId: '4711-A', note: null, free: data.patients.nodes[2]?.free },
  ]);
  expect(data.patients.nodes[2]?.free).toMatch(/^hge1\./);
});

test('eq is answered by the index', async () => {
  await served.sql(
    "INSERT INTO data.patients (id, person, national_id) SELECT g, 'p', 'hge1.' || md5(g::text) || '.AAAA' FROM generate_series(1000, 20000) AS g",
  );
  await served.sql('ANALYZE data.patients');
  const plan = JSON.stringify(await served.sql("EXPLAIN SELECT id FROM data.patients t WHERE split_part(t.national_id, '.', 2) = ANY (ARRAY['abc']::text[])"));
  expect(plan).toContain('patients__bx_');
});
