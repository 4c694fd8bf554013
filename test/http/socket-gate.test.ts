import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { Listener } from '../support/live.js';
import { Served } from '../support/served.js';

/** What bounds requests over HTTP bounds the operations of a WebSocket as well. */
const MANIFESTS = `
kind: Dataset
name: people
typeName: Person
fields: [{ name: id, type: bigint }]
key: [id]
---
kind: Grant
name: readers
to: { roles: [reader] }
on: { datasets: [people] }
fields: { '*': allow }
`;
const KNOWN = 'subscription People { peopleChanged { nodes { id } } }';

let served: Served;
let folder: string;
let reader: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-socket-gate-'));
  await writeFile(join(folder, 'documents.json'), JSON.stringify({ people: KNOWN }));
  served = await Served.start({ HEADGATE_TRUSTED_DOCUMENTS: folder, HEADGATE_RATE_LIMIT: '20' });
  const admin = await served.token('ada', ['admin']);
  const body = JSON.stringify({ files: [{ file: 'a.yaml', text: MANIFESTS }] });
  const response = await fetch(`${served.url}/manifests`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${admin}` },
    body,
  });
  expect(response.status).toBe(200);
  reader = await served.token('ron', ['reader']);
});

afterAll(async () => {
  await served?.close();
  await rm(folder, { recursive: true, force: true });
});

const listen = (who: string, query: string) => new Listener(served.url, { authorization: `Bearer ${who}` }, { query });

test('where documents must be trusted, another subscription is refused before it starts, and is on the record', async () => {
  const other = listen(reader, 'subscription People { peopleChanged { nodes { __typename id } } }');
  expect((await other.end()).errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }]);
  expect(await served.sql("SELECT action, decision FROM headgate.audit_record WHERE principal = 'ron'")).toEqual([{ action: 'document', decision: 'DENIED' }]);
  await other.close();
});

test('a trusted one tells its events', async () => {
  const known = listen(reader, KNOWN);
  await vi.waitFor(async () => expect(await served.sql("SELECT FROM headgate.audit_record WHERE action = 'subscribe'")).toHaveLength(1), {
    interval: 20,
    timeout: 15_000,
  });
  const admin = await served.token('ada', ['admin']);
  expect((await served.upload(admin, 'people', 'id\n1\n')).status).toBe(200);
  expect(await known.events(1)).toMatchObject([{ data: { peopleChanged: { nodes: [{ id: '1' }] } } }]);
  await known.close();
});

test('connections and subscriptions count against the rate of their principal', async () => {
  const often = await served.token('otto', ['reader']);
  const ends: unknown[] = [];
  // Each is a connection and a subscription.
  for (let i = 0; i < 11; i++) {
    const listener = listen(often, 'subscription People { peopleChanged { nodes { __typename id } } }');
    const { errors, reason = '' } = await listener.end();
    ends.push(errors[0]?.extensions['code'] ?? reason);
    await listener.close();
  }
  expect(ends.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 'FORBIDDEN'));
  expect(String(ends[10])).toContain('RATE_LIMITED');
});
