import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Served } from '../support/served.js';
import { headgateHere } from './support.js';

/** `headgate access` and `headgate change`, against a running server. */
let folder: string;
let served: Served;
let env: NodeJS.ProcessEnv;

const CATALOG = `
kind: Purpose
name: support
lawfulBasis: contract
---
kind: Dataset
name: people
fields:
  - { name: id, type: integer, required: true }
  - { name: email, type: text, tags: [pii.email] }
key: [id]
subject: id
`;
const GRANT = "kind: Grant\nname: helpers\nto: { roles: [helper] }\non: { datasets: [people] }\npurposes: [support]\nfields: { '*': allow }\n";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-review-'));
  served = await Served.start();
  env = { HEADGATE_HOME: served.home };
  await writeFile(join(served.home, 'server.json'), JSON.stringify({ url: served.url, pid: process.pid }));
  await writeFile(join(folder, 'catalog.yaml'), CATALOG);
  await writeFile(join(folder, 'grant.yaml'), GRANT);
  await ok(['apply', join(folder, 'catalog.yaml')]);
});

afterAll(async () => {
  await served?.close();
  await rm(folder, { recursive: true, force: true });
});

async function ok(args: readonly string[]): Promise<string> {
  const ended = await headgateHere(args, { env });
  expect([ended.code, ended.stderr]).toEqual([0, '']);
  return ended.stdout;
}

test('access: what a manifest would open, who can see, who saw, which grants are of use, the record', async () => {
  expect(await ok(['access', 'diff', join(folder, 'grant.yaml')])).toBe(
    'GAINED  people.id: nothing -> allow; read, export, subscribe; for role helper (purpose support)\n' +
      'GAINED  people.email: nothing -> allow; read, export, subscribe; for role helper (purpose support)\n',
  );
  await ok(['apply', join(folder, 'grant.yaml'), '--reason', 'the help desk asked']);
  expect(await ok(['access', 'diff', join(folder, 'grant.yaml')])).toBe('Nobody would gain or lose anything.\n');
  expect(await ok(['access', 'who', 'pii'])).toBe('people.email  role helper (purpose support)  allow (helpers)\n');
  expect(await ok(['access', 'grants', '--unused'])).toBe('helpers  0 acts  never\n');
  expect(await ok(['access', 'saw', 'pii'])).toBe('Nobody, of fields with the tag pii.\n');
  await served.upload(await served.token('eve', ['engineer']), 'people', 'id,email\n1,a@example.com\n');
  const helper = await served.token('hal', ['helper'], { purposes: ['support'] });
  expect((await served.ask(helper, '{ people { nodes { email } } }', {}, { 'x-purpose': 'support' })).errors).toBeUndefined();
  expect(await ok(['access', 'saw', 'pii'])).toMatch(/^people.email {2}hal {2}1 acts, 1 rows {2}last 20/);
  expect(await ok(['access', 'grants', '--unused'])).toBe('');
  expect(await ok(['access', 'record'])).toMatch(
    /^# Record of processing activities\n\n## support\n\n- lawful basis: contract\n- categories of data: pii.email\n- recipients: role helper/,
  );
});

test('change: what waits is listed, and its own asker is refused', async () => {
  const policy = join(folder, 'policy.yaml');
  await writeFile(policy, 'kind: ChangePolicy\nname: pii\nfourEyes: { tags: [pii] }\n');
  await ok(['apply', policy]);
  expect(await ok(['change', 'list'])).toBe('No change waits for a second person.\n');
  const wider = join(folder, 'wider.yaml');
  await writeFile(wider, GRANT.replace('purposes: [support]\n', ''));
  expect(await ok(['apply', wider, '--dry-run'])).toMatch(/It would wait for a second person/);
  const told = await ok(['apply', wider]);
  const [, id = ''] = /Waits for a second person, and nothing was changed yet: headgate change approve (\S+)/.exec(told) ?? [];
  expect(await ok(['change', 'list'])).toMatch(new RegExp(`^${id} PENDING: Grant helpers\n {4}asked for by .*\n {4}GAINED {2}people.id`));
  const refused = await headgateHere(['change', 'approve', id], { env });
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/^FORBIDDEN: Who asked for a change can't approve it/)]);
  const token = await served.token('second', ['steward']);
  expect(await ok(['change', 'approve', id, '--token', token, '--url', served.url, '--reason', 'fine'])).toMatch(
    /APPROVED: Grant helpers[\s\S]*decided by second/,
  );
  expect(await ok(['access', 'who', 'pii'])).toBe('people.email  role helper  allow (helpers)\n');
});
