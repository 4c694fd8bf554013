import { readdir, readFile } from 'node:fs/promises';
import { isInputObjectType, isListType, isNonNullType, isScalarType, isEnumType, isObjectType, type GraphQLField, type GraphQLInputType } from 'graphql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bareControlSchema } from '../../src/graphql/control/schema.js';
import { manual } from '../docs/manual.js';
import { Served } from '../support/served.js';

let served: Served;
let admin: string;
let nobody: string;

const MANIFESTS = `
kind: Purpose
name: spare
---
kind: Dataset
name: people
typeName: Person
fields: [{ name: id, type: integer, required: true }]
key: [id]
---
kind: Grant
name: readers
to: { roles: [reader] }
on: { datasets: [people] }
fields: { '*': allow }
`;

beforeAll(async () => {
  served = await Served.start();
  [admin, nobody] = [await served.token('ada', ['admin']), await served.token('nobody', ['other'])];
  const { errors } = await served.ask(admin, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: MANIFESTS });
  expect(errors).toBeUndefined();
});
afterAll(() => served?.close());

async function acts(principal: string): Promise<{ action: string; decision: string }[]> {
  return (await served.sql(`SELECT action, decision FROM headgate.audit_record WHERE principal = '${principal}' ORDER BY at, id`)) as never;
}

const schema = bareControlSchema();
const fieldsOf = (type: 'Query' | 'Mutation' | 'Subscription') =>
  Object.values((schema.getType(type) as { getFields(): Record<string, GraphQLField<unknown, unknown>> }).getFields());

/** The least that is a value of the type. */
function literal(type: GraphQLInputType): string {
  if (isNonNullType(type)) return literal(type.ofType);
  if (isListType(type)) return '[]';
  if (isEnumType(type)) return type.getValues()[0]?.name ?? '';
  if (isInputObjectType(type)) {
    const needed = Object.values(type.getFields()).filter((field) => isNonNullType(field.type));
    return `{ ${needed.map((field) => `${field.name}: ${literal(field.type)}`).join(', ')} }`;
  }
  return isScalarType(type) && type.name === 'Boolean' ? 'true' : '"people"';
}

function asked({ name, args, type }: GraphQLField<unknown, unknown>, more: Record<string, string> = {}): string {
  const given = args.filter((arg) => isNonNullType(arg.type) || arg.name in more).map((arg) => `${arg.name}: ${more[arg.name] ?? literal(arg.type)}`);
  let named = type;
  while (isNonNullType(named) || isListType(named)) named = named.ofType;
  return `${name}${given.length > 0 ? `(${given.join(', ')})` : ''}${isObjectType(named) ? ' { __typename }' : ''}`;
}

/** Where the least that is a value says nothing about what is there. */
const ARGUMENTS: Readonly<Record<string, Record<string, string>>> = {
  detokenize: { input: '{ dataset: "people", field: "id", tokens: ["tok_00000000000000000000000000000000"], reason: "a test" }' },
};

test.each(fieldsOf('Mutation').map((field) => [field.name, field] as const))('a refusal of the mutation %s is on the record', async (_name, field) => {
  for (const [token, subject, code] of [
    [nobody, 'nobody', 'FORBIDDEN'],
    [null, 'anonymous', 'UNAUTHENTICATED'],
  ] as const) {
    const before = (await acts(subject)).length;
    const { errors } = await served.ask(token, `mutation { ${asked(field, ARGUMENTS[field.name])} }`);
    expect(errors?.[0]?.extensions['code'], JSON.stringify(errors)).toBe(code);
    expect((await acts(subject)).slice(before)).toEqual([expect.objectContaining({ decision: 'DENIED' })]);
  }
});

/** What may be asked by everybody, or tells of nobody: see the manual. */
const OPEN_QUERIES = ['me', 'datasets', 'dataset', 'access'];
/** They are answered with what the one who asks may see, which can be nothing. */
const FILTERED_QUERIES = ['pipelines', 'pipeline', 'run', 'qualityReports'];

test.each(
  fieldsOf('Query')
    .filter(({ name }) => !OPEN_QUERIES.includes(name) && !name.startsWith('_'))
    .map((field) => [field.name, field] as const),
)('a refusal of the query %s is on the record', async (name, field) => {
  const who = FILTERED_QUERIES.includes(name) ? ([null, 'anonymous'] as const) : ([nobody, 'nobody'] as const);
  const before = (await acts(who[1])).length;
  const { errors } = await served.ask(who[0], `{ ${asked(field)} }`);
  expect(['FORBIDDEN', 'UNAUTHENTICATED']).toContain(errors?.[0]?.extensions['code']);
  expect((await acts(who[1])).slice(before)).toEqual([expect.objectContaining({ decision: 'DENIED' })]);
});

test.each([
  ['auditEntries', '{ auditEntries(first: 1, where: { principal: "x" }) { nodes { id } } }'],
  ['grants', '{ grants { name } }'],
  ['apiKeys', '{ apiKeys { id } }'],
  ['access', '{ access(dataset: "people", as: { sub: "x" }) { rows } }'],
  ['quarantine', '{ quarantine(dataset: "people") { nodes { id } } }'],
  ['audit.verify', '{ auditVerification { valid } }'],
  ['whoCanSee', '{ whoCanSee(tag: "pii") { __typename } }'],
  ['whoSaw', '{ whoSaw(tag: "pii") { __typename } }'],
  ['grantUses', '{ grantUses { __typename } }'],
  ['changeRequests', '{ changeRequests { __typename } }'],
  ['legalHolds', '{ legalHolds { name } }'],
  ['accessDiff', '{ accessDiff(manifest: "kind: Purpose\\nname: spare\\n") { __typename } }'],
])('a look at %s is on the record', async (action, query) => {
  const before = (await acts('ada')).length;
  expect((await served.ask(admin, query)).errors).toBeUndefined();
  expect((await acts('ada')).slice(before)).toContainEqual({ action, decision: 'ALLOWED' });
});

/** Acts that need a pipeline, a source, a run or a second person: the files that show theirs. */
const SHOWN_ELSEWHERE: Readonly<Record<string, string>> = {
  redriveRuns: 'test/graphql/runs.slow.test.ts',
  approveChange: 'test/governance',
  refuseChange: 'test/governance',
  deleteChangePolicy: 'test/governance',
  acceptTagProposal: 'test/classification/proposals.slow.test.ts',
  refuseTagProposal: 'test/classification/proposals.slow.test.ts',
  deleteClassification: 'test/classification/proposals.slow.test.ts',
  deleteLegalHold: 'test/delivery/subjects/erase.slow.test.ts',
  detokenize: 'test/attacks/detokenize.slow.test.ts',
  rotateKeys: 'test/vault/rotation.slow.test.ts',
  retireMasterKey: 'test/vault/rotation.slow.test.ts',
  deletePipeline: 'test/processing/pipeline-manifest.slow.test.ts',
  deleteSource: 'test/sources',
  deleteCollector: 'test/ingestion/collectors/control.slow.test.ts',
  runCollector: 'test/ingestion/collectors/control.slow.test.ts',
  resetCollector: 'test/ingestion/collectors/control.slow.test.ts',
  importSource: 'test/sources/served.slow.test.ts',
  runPipeline: 'test/processing/pipeline-run.slow.test.ts',
  cancelRun: 'test/graphql/control.test.ts',
  inferDataset: 'test/ingestion/infer-source.slow.test.ts',
  retryRun: 'test/graphql/control.test.ts',
};

const CALLS: Readonly<Record<string, { readonly action: string; readonly query: (id: string) => string }>> = {
  createApiKey: { action: 'key.create', query: () => 'createApiKey(input: { name: "k", subject: "s", roles: ["reader"] }) { apiKey { id } }' },
  revokeApiKey: { action: 'key.revoke', query: (id) => `revokeApiKey(id: "${id}") { id }` },
  revokeToken: { action: 'token.revoke', query: () => 'revokeToken(id: "00000000-0000-4000-8000-000000000001")' },
  applyManifest: { action: 'apply', query: () => 'applyManifest(manifest: "kind: Purpose\\nname: other\\n") { version }' },
  checkQuality: { action: 'quality.check', query: () => 'checkQuality(dataset: "people") { id }' },
  ingest: { action: 'ingest', query: () => 'ingest(input: { dataset: "people", content: "id\\n1\\n", format: csv }) { id }' },
  previewIngest: { action: 'ingest.preview', query: () => 'previewIngest(input: { dataset: "people", content: "id\\n1\\n", format: csv }) { rowsRead }' },
  replayQuarantine: { action: 'quarantine.replay', query: () => 'replayQuarantine(dataset: "people") { id }' },
  discardQuarantine: { action: 'quarantine.discard', query: () => 'discardQuarantine(dataset: "people", ids: ["1"], reason: "a test")' },
  recordConsent: { action: 'consent.record', query: () => 'recordConsent(input: { subject: "1", purpose: "spare" }) { purpose }' },
  recordConsents: { action: 'consent.record', query: () => 'recordConsents(inputs: [{ subject: "2", purpose: "spare" }])' },
  withdrawConsent: { action: 'consent.withdraw', query: () => 'withdrawConsent(input: { subject: "1", purpose: "spare" }) { purpose }' },
  exportSubject: { action: 'subject.export', query: () => 'exportSubject(subject: "1") { id }' },
  eraseSubject: { action: 'subject.erase', query: () => 'eraseSubject(subject: "1", reason: "a request") { id }' },
  deleteGrant: { action: 'apply', query: () => 'deleteGrant(name: "readers")' },
  deletePurpose: { action: 'apply', query: () => 'deletePurpose(name: "spare")' },
  deleteDataset: { action: 'apply', query: () => 'deleteDataset(name: "people")' },
};

test('every mutation leaves an entry, or is named here with the test that shows it', async () => {
  expect(
    fieldsOf('Mutation')
      .map(({ name }) => name)
      .toSorted(),
  ).toEqual([...Object.keys(CALLS), ...Object.keys(SHOWN_ELSEWHERE)].toSorted());
  let id = '';
  for (const [name, { action, query }] of Object.entries(CALLS)) {
    const before = (await acts('ada')).length;
    const { data, errors } = await served.ask<Record<string, { apiKey?: { id: string } }>>(admin, `mutation { ${query(id)} }`);
    expect(errors, name).toBeUndefined();
    id = data[name]?.apiKey?.id ?? id;
    // A load is queued, and its entry comes with its rows.
    await expect.poll(async () => (await acts('ada')).slice(before).map((act) => act.action), { timeout: 15_000, message: name }).toContain(action);
  }
});

test('every subscription of the control plane has its rule', () => {
  expect(fieldsOf('Subscription').map(({ name }) => name)).toEqual(['auditAppended', 'datasetChanged', 'runProgress']);
});

/** What they tell is no person's and no row's. */
const OPEN_ROUTES = ['GET /', 'GET /healthz', 'GET /readyz', 'GET /metrics', 'GET /graphql'];

test('a refusal on every route is on the record', async () => {
  const text = (await Promise.all((await readdir(manual('src/http/'))).map((file) => readFile(manual(`src/http/${file}`), 'utf8')))).join('\n');
  const routes = [...text.matchAll(/\b(?:app|scope)\s*\.(get|post|put|delete)(?:<[^(]*>)?\(\s*'(\/[^']*)'/g)].map(
    ([, method = '', path = '']) => `${method.toUpperCase()} ${path}`,
  );
  const guarded = routes.filter((route) => !OPEN_ROUTES.includes(route) && !route.includes('graphiql') && !route.endsWith('*'));
  expect(guarded).toEqual(
    expect.arrayContaining(['GET /audit/export', 'GET /audit/proof', 'POST /audit/verify', 'GET /export/:dataset', 'POST /ingest/:dataset']),
  );
  for (const route of guarded) {
    const [method = '', path = ''] = route.split(' ');
    const before = (await acts('nobody')).length;
    const isManifests = path === '/manifests' && method === 'POST';
    const body = isManifests ? '{"files":[{"file":"a.yaml","text":"kind: Purpose\\nname: z\\n"}]}' : '{}';
    const response = await fetch(served.url + path.replace(':dataset', 'nothing'), {
      method,
      headers: { authorization: `Bearer ${nobody}`, ...(method !== 'GET' && { 'content-type': path.startsWith('/ingest') ? 'text/csv' : 'application/json' }) },
      ...(method !== 'GET' && { body }),
    });
    await response.text();
    if (path === '/graphql') continue;
    if (path.startsWith('/events')) {
      // Anybody can send what has no right signature, so that is counted together, in the name of nobody, and kept each second.
      expect(response.status).toBe(401);
      await expect
        .poll(() => served.sql("SELECT FROM headgate.audit_record WHERE decision = 'DENIED' AND details->>'reason' = 'signature'"), { timeout: 5_000 })
        .not.toEqual([]);
      continue;
    }
    expect([403, 404], `${route}: ${response.status}`).toContain(response.status);
    expect((await acts('nobody')).slice(before), route).toContainEqual(expect.objectContaining({ decision: 'DENIED' }));
  }
});
