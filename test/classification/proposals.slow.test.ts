import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Served } from '../support/served.js';

/** From a load to a mask: proposals, and what stewards do with them, on the whole program. */
let served: Served;
const tokens: Record<string, string> = {};
const ROLES = ['admin', 'steward', 'engineer', 'auditor', 'analyst', 'knower'];

/** In every value of the rows: it must be found nowhere but in them. */
const CANARY = 'zxcanary';

const MANIFESTS = `
kind: Dataset
name: people
fields:
  - { name: id, type: integer }
  - { name: contact, type: text }
  - { name: phone, type: text }
  - { name: first_name, type: text }
  - { name: account, type: text }
  - { name: note, type: text, tags: [unclassified] }
  - { name: badge_mail, type: text, visibility: secret }
  - { name: mail, type: text, tags: [pii] }
key: [id]
---
kind: Dataset
name: agents
visibility: secret
fields: [{ name: id, type: integer }, { name: mail, type: text }]
key: [id]
---
kind: Pipeline
name: domains
steps:
  - { name: s, transform: { from: people, derive: { domain: "split_part(contact, '@', 2)", word: "upper(note)" }, select: [id, domain, word] } }
  - { publish: { to: domains, key: [id] } }
---
kind: Grant
name: analysts
to: { roles: [analyst] }
on: { datasets: [people, domains] }
fields: { '*': allow, 'tag:pii.email': { mask: redact } }
---
kind: Grant
name: knowers
to: { subjects: [knower] }
on: { datasets: [agents] }
fields: { '*': allow }
`;

const HEADER = 'id,contact,phone,first_name,account,note,badge_mail,mail';
const PEOPLE = [
  HEADER,
  ...Array.from(
    { length: 40 },
    (_, i) =>
      `${i},${CANARY}${i}@example.com,+4930123${4000 + i},${CANARY},${i % 2 ? 'DE89370400440532013000' : 'GB82WEST12345698765432'},see ${CANARY},b${CANARY}${i}@example.com,m${CANARY}${i}@example.com`,
  ),
].join('\n');
const AGENTS = ['id,mail', ...Array.from({ length: 9 }, (_, i) => `${i},s${CANARY}${i}@example.com`)].join('\n');

interface Proposal {
  readonly id: string;
  readonly field: string;
  readonly tag: string;
  readonly status: string;
  readonly [key: string]: unknown;
}

beforeAll(async () => {
  served = await Served.start();
  for (const role of ROLES) tokens[role] = await served.token(role, [role === 'knower' ? 'steward' : role]);
  expect((await served.ask(tok('admin'), 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: MANIFESTS })).errors).toBeUndefined();
  expect((await served.upload(tok('engineer'), 'people', PEOPLE)).status).toBe(200);
  expect((await served.upload(tok('engineer'), 'agents', AGENTS)).status).toBe(200);
});
afterAll(() => served?.close());

function tok(role: string): string {
  return tokens[role] ?? '';
}

const LIST = `query ($dataset: String, $status: TagProposalStatus, $first: Int, $after: String) {
  tagProposals(dataset: $dataset, status: $status, first: $first, after: $after) {
    totalCount pageInfo { hasNextPage endCursor }
    nodes { id dataset { name } field tag detector status score share sampled matching byName runId createdAt decidedBy decidedAt reason } } }`;

async function proposals(role: string, variables: Record<string, unknown> = {}) {
  const { data, errors } = await served.ask<{ tagProposals: { totalCount: number; nodes: Proposal[]; pageInfo: { hasNextPage: boolean; endCursor: string } } }>(
    tok(role),
    LIST,
    variables,
  );
  expect(errors).toBeUndefined();
  return data.tagProposals;
}

async function proposalOf(field: string, role = 'admin'): Promise<Proposal> {
  const found = (await proposals(role)).nodes.find((proposal) => proposal.field === field);
  if (!found) throw new Error(`no proposal for ${field}`);
  return found;
}

const accept = (role: string, id: string) => served.ask(tok(role), 'mutation ($id: ID!) { acceptTagProposal(id: $id) { status decidedBy field tag } }', { id });
const refuse = (role: string, id: string, reason?: string) =>
  served.ask(tok(role), 'mutation ($id: ID!, $reason: String) { refuseTagProposal(id: $id, reason: $reason) { status reason } }', { id, reason });

async function read(field: string, dataset = 'people'): Promise<unknown> {
  const { data, errors } = await served.ask(tok('analyst'), `{ ${dataset}(first: 1, orderBy: { id: ASC }) { nodes { ${field} } } }`);
  if (errors) return errors[0]?.extensions['code'];
  return (data as Record<string, { nodes: Record<string, unknown>[] }>)[dataset]?.nodes[0]?.[field];
}

test('a load proposes what its columns are, with counts and no value', async () => {
  const { nodes } = await proposals('admin', { dataset: 'people' });
  expect(Object.fromEntries(nodes.map(({ field, tag }) => [field, tag]))).toEqual({
    contact: 'pii.email',
    phone: 'pii.phone',
    first_name: 'pii.name',
    account: 'financial.iban',
    badge_mail: 'pii.email',
    // Not `mail`, which is tagged `pii` already.
  });
  expect(nodes.find(({ field }) => field === 'contact')).toMatchObject({
    dataset: { name: 'people' },
    detector: 'email',
    status: 'OPEN',
    score: 1,
    share: 1,
    sampled: 40,
    matching: 40,
    byName: false,
    decidedBy: null,
  });
});

test('what is proposed changes nothing that anybody sees', async () => {
  expect(await read('contact')).toBe(`${CANARY}0@example.com`);
});

test('who may not know of a field, or of a dataset, is told of no proposal for it', async () => {
  const all = await proposals('admin');
  expect(all.nodes.map(({ field }) => field).toSorted()).toEqual(['account', 'badge_mail', 'contact', 'first_name', 'mail', 'phone']);
  const steward = await proposals('steward');
  expect(steward.nodes.map(({ field }) => field).toSorted()).toEqual(['account', 'contact', 'first_name', 'phone']);
  expect(steward.totalCount).toBe(4);
  const hidden = [await proposalOf('badge_mail'), await proposalOf('mail')];
  const absent = await accept('steward', '01a2055e-45e7-7f5f-b56c-360e25be34a3');
  for (const { id } of hidden) {
    for (const { errors } of [await accept('steward', id), await refuse('steward', id)]) {
      expect(errors?.[0]?.message).toBe(absent.errors?.[0]?.message.replace('01a2055e-45e7-7f5f-b56c-360e25be34a3', id));
    }
  }
  const one = await served.ask(tok('steward'), LIST, { dataset: 'agents' });
  const none = await served.ask(tok('steward'), LIST, { dataset: 'agentz' });
  expect(one.errors?.[0]?.message.replace('agents', 'agentz')).toBe(none.errors?.[0]?.message);
  expect((await proposals('knower', { dataset: 'agents' })).nodes.map(({ tag }) => tag)).toEqual(['pii.email']);
});

test('pages, by status and dataset', async () => {
  const seen: string[] = [];
  for (let after: string | undefined; ;) {
    const page = await proposals('admin', { first: 2, ...(after !== undefined && { after }) });
    expect(page.totalCount).toBe(6);
    seen.push(...page.nodes.map(({ id }) => id));
    after = page.pageInfo.endCursor;
    if (!page.pageInfo.hasNextPage) break;
  }
  expect(new Set(seen).size).toBe(6);
  expect((await proposals('admin', { status: 'REFUSED' })).nodes).toEqual([]);
  expect((await served.ask(tok('admin'), LIST, { after: 'x' })).errors?.[0]?.extensions['code']).toBe('BAD_USER_INPUT');
});

test('only stewards and admins see and decide', async () => {
  const { id } = await proposalOf('contact');
  for (const role of ['engineer', 'auditor', 'analyst']) {
    for (const { errors } of [await served.ask(tok(role), LIST), await accept(role, id), await refuse(role, id)])
      expect(errors?.[0]?.extensions['code']).toBe('FORBIDDEN');
  }
  expect((await accept('steward', 'no-id')).errors?.[0]?.extensions['code']).toBe('NOT_FOUND');
});

describe('a proposal that is accepted', () => {
  test('is on the field at once: in grants, in the catalog, and on what pipelines made of it', async () => {
    const before = await served.ask<{ people: { pageInfo: { endCursor: string } } }>(
      tok('analyst'),
      '{ people(first: 2, orderBy: { contact: ASC }) { pageInfo { endCursor } } }',
    );
    const { data, errors } = await accept('steward', (await proposalOf('contact')).id);
    expect([errors, data]).toEqual([undefined, { acceptTagProposal: { status: 'ACCEPTED', decidedBy: 'steward', field: 'contact', tag: 'pii.email' } }]);
    expect(await read('contact')).toMatch(/^\*+$|^redacted$|^$/i);
    const tags = await served.ask<Record<string, { fields: { name: string; tags: string[] }[] }>>(
      tok('analyst'),
      '{ people: dataset(name: "people") { fields { name tags } } domains: dataset(name: "domains") { fields { name tags } } }',
    );
    const tagsOf = (dataset: string, field: string) => tags.data[dataset]?.fields.find(({ name }) => name === field)?.tags;
    expect([tagsOf('people', 'contact'), tagsOf('domains', 'domain'), tagsOf('domains', 'id')]).toEqual([['pii.email'], ['pii.email'], []]);
    // A cursor holds values of the order that it was made in: it is none any more.
    const { people } = before.data;
    const later = await served.ask(tok('analyst'), 'query ($after: String) { people(first: 2, orderBy: { contact: ASC }, after: $after) { nodes { id } } }', {
      after: people.pageInfo.endCursor,
    });
    expect(later.errors?.[0]?.extensions['code']).toBeDefined();
  });

  test('stays when an engineer applies the contract again, and an engineer can not take it off', async () => {
    const apply = (role: string, m: string) => served.ask(tok(role), 'mutation ($m: String!) { applyManifest(manifest: $m) { changes { change } } }', { m });
    const contract = `${MANIFESTS.split('---')[0]}`.replace('name: contact, type: text', 'name: contact, type: text, description: How to reach them.');
    expect((await apply('engineer', contract)).errors).toBeUndefined();
    expect(await read('contact')).not.toMatch(/example/);
    const classification = 'kind: Classification\nname: people\n';
    for (const m of [`${classification}state: absent\n`, `${classification}fields: { contact: { tags: [] } }\n`]) {
      expect((await apply('engineer', m)).errors?.[0]?.extensions['code']).toBe('FORBIDDEN');
    }
    expect((await served.ask(tok('engineer'), 'mutation { deleteClassification(name: "people") }')).errors?.[0]?.extensions['code']).toBe('FORBIDDEN');
    expect((await served.ask(tok('engineer'), 'mutation { deleteDataset(name: "people") }')).errors?.[0]?.extensions['code']).toBe('CONFLICT');
    expect(await read('contact')).not.toMatch(/example/);
  });

  test('can not be decided twice', async () => {
    const { id } = await proposalOf('contact');
    expect((await accept('steward', id)).errors?.[0]?.extensions['code']).toBe('CONFLICT');
    expect((await refuse('steward', id)).errors?.[0]?.extensions['code']).toBe('CONFLICT');
  });

  test('does not undo what others accept at the same moment', async () => {
    const [phone, name] = [await proposalOf('phone'), await proposalOf('first_name')];
    const done = await Promise.all([accept('steward', phone.id), accept('admin', name.id)]);
    expect(done.map(({ errors }) => errors)).toEqual([undefined, undefined]);
    const { data } = await served.ask<{ dataset: { fields: { name: string; tags: string[] }[] } }>(
      tok('admin'),
      '{ dataset(name: "people") { fields { name tags } } }',
    );
    expect(Object.fromEntries(data.dataset.fields.map(({ name: field, tags }) => [field, tags]))).toMatchObject({
      contact: ['pii.email'],
      phone: ['pii.phone'],
      first_name: ['pii.name'],
    });
  });
});

test('one that is refused is not proposed again, and the others are as they were', async () => {
  const { id } = await proposalOf('account');
  expect((await refuse('steward', id, 'The house accounts, in every row.')).data).toEqual({
    refuseTagProposal: { status: 'REFUSED', reason: 'The house accounts, in every row.' },
  });
  expect((await served.upload(tok('engineer'), 'people', PEOPLE, {}, '?mode=replace&force=true')).status).toBe(200);
  expect((await proposals('admin', { dataset: 'people' })).nodes.map(({ field, status }) => `${field} ${status}`).toSorted()).toEqual([
    'account REFUSED',
    'badge_mail OPEN',
    'contact ACCEPTED',
    'first_name ACCEPTED',
    'phone ACCEPTED',
  ]);
});

test('an unclassified field is closed to *, and open once a steward has named it; so is what was made of it', async () => {
  expect(await read('note')).toBe('FORBIDDEN');
  expect(await read('word', 'domains')).toBe('FORBIDDEN');
  const { data } = await served.ask<{ dataset: { fields: { name: string; tags: string[] }[] } }>(
    tok('admin'),
    '{ dataset(name: "people") { fields { name tags } } }',
  );
  const fields = data.dataset.fields
    .filter(({ name }) => ['contact', 'phone', 'first_name'].includes(name))
    .map(({ name, tags }) => `${name}: { tags: [${tags.join()}] }`);
  const m = `kind: Classification\nname: people\nfields: { ${fields.join(', ')}, note: { tags: [] } }\n`;
  expect((await served.ask(tok('steward'), 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m })).errors).toBeUndefined();
  expect(await read('note')).toBe(`see ${CANARY}`);
  const { data: made } = await served.ask<{ dataset: { fields: { name: string; tags: string[] }[] } }>(
    tok('admin'),
    '{ dataset(name: "domains") { fields { name tags } } }',
  );
  expect(made.dataset.fields.find(({ name }) => name === 'word')?.tags).toEqual([]);
});

test('each act is on the record, and no value is in it, nor in what is kept of proposals', async () => {
  const entries = (await served.sql(
    "SELECT principal, action, dataset, details - 'run' - 'proposal' AS details FROM headgate.audit_record WHERE action LIKE 'tag.%' ORDER BY at, id",
  )) as { action: string }[];
  expect(entries[0]).toEqual({
    principal: 'engineer',
    action: 'tag.propose',
    dataset: 'people',
    details: { tags: { account: 'financial.iban', badge_mail: 'pii.email', contact: 'pii.email', first_name: 'pii.name', phone: 'pii.phone' } },
  });
  expect(entries.map(({ action }) => action)).toEqual(['tag.propose', 'tag.propose', 'tag.accept', 'tag.accept', 'tag.accept', 'tag.refuse']);
  expect(entries[2]).toEqual({ principal: 'steward', action: 'tag.accept', dataset: 'people', details: { field: 'contact', tag: 'pii.email' } });
  for (const table of ['audit_record', 'tag_proposal', 'tag_scan', 'classification']) {
    expect(await served.sql(`SELECT 1 FROM headgate.${table} t WHERE t::text LIKE '%${CANARY}%' OR t::text LIKE '%370400440532%'`), table).toEqual([]);
  }
});

test('small loads into a large dataset are not all looked at', async () => {
  const scanned = () => served.sql("SELECT s.scanned_at::text FROM headgate.tag_scan s JOIN headgate.dataset d ON d.id = s.dataset_id WHERE d.name = 'people'");
  const before = await scanned();
  expect((await served.upload(tok('engineer'), 'people', `${HEADER}\n100,one@example.com,,,,,,\n`)).status).toBe(200);
  expect(await scanned()).toEqual(before);
  expect(
    (await served.upload(tok('engineer'), 'people', `${HEADER}\n${Array.from({ length: 20 }, (_, i) => `${200 + i},c${i}@example.com,,,,,,`).join('\n')}\n`))
      .status,
  ).toBe(200);
  expect(await scanned()).not.toEqual(before);
});
