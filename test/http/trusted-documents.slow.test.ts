import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sha256 } from '../../src/kernel/index.js';
import { headgateHere } from '../cli/support.js';
import { Served } from '../support/served.js';

const MANIFESTS = `
kind: Dataset
name: people
typeName: Person
fields:
  - { name: id, type: bigint }
  - { name: email, type: text }
key: [id]
---
kind: Dataset
name: hidden
visibility: secret
fields: [{ name: id, type: bigint }]
key: [id]
---
kind: Grant
name: readers
to: { roles: [reader] }
on: { datasets: [people] }
fields: { id: allow, email: { mask: redact } }
---
kind: Grant
name: finders
to: { roles: [finder] }
on: { datasets: [hidden] }
fields: { id: allow }
`;

const PEOPLE = 'query People($id: BigInt!) { people(where: { id: { eq: $id } }) { nodes { id email } } }';
const HIDDEN = '{ hidden { totalCount } }';
const DELETE = 'mutation { deleteGrant(name: "finders") }';

let served: Served;
let folder: string;
let admin: string;
let reader: string;
let finder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-trusted-'));
  await writeFile(join(folder, 'documents.json'), JSON.stringify({ people: PEOPLE, hidden: HIDDEN, delete: DELETE }));
  served = await Served.start({ HEADGATE_TRUSTED_DOCUMENTS: folder });
  admin = await served.token('ada', ['admin']);
  reader = await served.token('ron', ['reader']);
  finder = await served.token('fay', ['finder']);
  const response = await fetch(`${served.url}/manifests`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${admin}` },
    body: JSON.stringify({ files: [{ file: 'a.yaml', text: MANIFESTS }] }),
  });
  expect(response.status).toBe(200);
  await served.upload(admin, 'people', 'id,email\n1,a@example.com\n');
});
afterAll(async () => {
  await served?.close();
  await rm(folder, { recursive: true, force: true });
});

async function post(who: string | null, body: unknown) {
  const headers = { 'content-type': 'application/json', ...(who && { authorization: `Bearer ${who}` }) };
  const response = await fetch(`${served.url}/graphql`, { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: response.status, body: (await response.json()) as { data?: unknown; errors?: { message: string; extensions: { code: string } }[] } };
}

async function get(who: string, parameters: Record<string, string>) {
  const response = await fetch(`${served.url}/graphql?${new URLSearchParams(parameters).toString()}`, { headers: { authorization: `Bearer ${who}` } });
  return { status: response.status, body: (await response.json()) as { data?: unknown; errors?: { extensions: { code: string } }[] } };
}

const variables = { id: '1' };
const FOUND = { people: { nodes: [{ id: '1', email: '***' }] } };

test('a document of the list is executed, by each of its names, by POST and GET', async () => {
  const persisted = { persistedQuery: { version: 1, sha256Hash: sha256(PEOPLE) } };
  for (const asked of [
    { documentId: 'people' },
    { documentId: `sha256:${sha256(PEOPLE)}` },
    { doc_id: 'people' },
    { id: 'people' },
    { extensions: persisted },
    { query: PEOPLE },
    { query: PEOPLE, extensions: persisted },
  ]) {
    for (const _ of [1, 2]) expect((await post(reader, { ...asked, variables })).body.data).toEqual(FOUND);
    const texts = Object.fromEntries(
      Object.entries({ ...asked, variables }).map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)]),
    );
    expect((await get(reader, texts)).body.data).toEqual(FOUND);
  }
});

test('nothing else is: no other text, no introspection, no registration, not even for an admin; and it is on the record', async () => {
  const other = '{ people { totalCount } }';
  for (const asked of [
    { query: other },
    { query: '{ __schema { types { name } } }' },
    { query: '{ __typename }' },
    { query: other, extensions: { persistedQuery: { version: 1, sha256Hash: sha256(other) } } },
    { extensions: { persistedQuery: { version: 1, sha256Hash: sha256(other) } } },
    { documentId: 'missing' },
    {},
    [{ documentId: 'people', variables }],
  ]) {
    const { status, body } = await post(admin, asked);
    expect([status, body.data, body.errors?.[0]?.extensions.code]).toEqual([403, undefined, 'FORBIDDEN']);
  }
  expect((await get(admin, { query: other })).status).toBe(403);
  const rows = (await served.sql("SELECT operation_hash, decision, details FROM headgate.audit_record WHERE action = 'document' AND principal = 'ada'")) as {
    operation_hash: string | null;
  }[];
  expect(rows).toHaveLength(9);
  expect(rows).toContainEqual({ operation_hash: sha256(other), decision: 'DENIED', details: { code: 'FORBIDDEN' } });
});

test('that it is in the list opens nothing: it is validated and decided for who asks', async () => {
  expect((await post(finder, { documentId: 'hidden' })).body.data).toEqual({ hidden: { totalCount: 0 } });
  expect((await post(reader, { documentId: 'hidden' })).body.errors?.[0]?.extensions.code).toBe('GRAPHQL_VALIDATION_FAILED');
  expect((await post(null, { documentId: 'people', variables })).body.errors?.[0]?.extensions.code).toBe('UNAUTHENTICATED');
  expect((await post(reader, { documentId: 'delete' })).body.errors?.[0]?.extensions.code).toBe('FORBIDDEN');
  // A change does not come by GET, whatever it is called.
  expect((await get(admin, { documentId: 'delete' })).status).toBe(405);
});

test('the entry of a read has the hash of the text', async () => {
  await post(reader, { documentId: 'people', variables });
  const [entry] = await served.sql(
    "SELECT operation_hash FROM headgate.audit_record WHERE action = 'read' AND principal = 'ron' AND dataset = 'people' ORDER BY at DESC LIMIT 1",
  );
  expect(entry).toEqual({ operation_hash: sha256(PEOPLE) });
});

test('a folder that can not be used ends the start with one line', async () => {
  const home = await mkdtemp(join(tmpdir(), 'headgate-home-'));
  try {
    await writeFile(join(home, 'broken.json'), '{');
    const { code, stdout, stderr } = await headgateHere(['serve', '--trusted-documents', home, '--port', '0'], { env: { HEADGATE_HOME: join(home, 'home') } });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^BAD_USER_INPUT: HEADGATE_TRUSTED_DOCUMENTS: .*broken\.json: it is not JSON[^\n]*\n$/);
    const empty = await headgateHere(['serve', '--trusted-documents', '', '--port', '0'], { env: { HEADGATE_HOME: join(home, 'home') } });
    expect(empty.code).toBe(1);
    expect(empty.stderr).toMatch(/^BAD_USER_INPUT: --trusted-documents: expected a folder/);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
});
