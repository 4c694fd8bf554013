import { RUN_FIELDS } from './run-lines.js';

const CHANGE_FIELDS = `id status prune reason requestedBy requestedAt decidedBy decidedAt decisionReason
  manifests { kind name text } accessChanges { dataset field movement before after rights audiences purposes withoutPurpose }`;
const REFUSED_FIELDS = 'id runId line position state attempts createdAt discardReason raw reasons { field rule message }';
const KEY_FIELDS = 'id state activatedAt replacedAt retiredAt held dependents { name count }';

/**
 * All that commands ask of a server in GraphQL, but for introspection. `schema/command-documents.json` has them as a
 * manifest, for servers that execute trusted documents only.
 */
export const DOCUMENTS = {
  runPipeline: `mutation ($name: String!, $priority: RunPriority) { runPipeline(name: $name, priority: $priority) { ${RUN_FIELDS} } }`,
  listRuns: `query ($dataset: String, $pipeline: String, $collector: String, $kind: RunKind, $status: RunStatus, $deadLetter: Boolean, $first: Int) {
  runs(dataset: $dataset, pipeline: $pipeline, collector: $collector, kind: $kind, status: $status, deadLetter: $deadLetter, first: $first) {
  totalCount nodes { ${RUN_FIELDS} } } }`,
  showRun: `query ($id: ID!) { found: run(id: $id) { ${RUN_FIELDS} } }`,
  cancelRun: `mutation ($id: ID!) { found: cancelRun(id: $id) { ${RUN_FIELDS} } }`,
  retryRun: `mutation ($id: ID!) { found: retryRun(id: $id) { ${RUN_FIELDS} } }`,
  redriveRuns: `mutation ($dataset: String, $pipeline: String, $kind: RunKind, $ids: [ID!], $since: DateTime) {
  redriven: redriveRuns(dataset: $dataset, pipeline: $pipeline, kind: $kind, ids: $ids, since: $since) { ${RUN_FIELDS} } }`,
  tagProposals: `query ($dataset: String, $status: TagProposalStatus, $first: Int) { tagProposals(dataset: $dataset, status: $status, first: $first) {
  totalCount nodes { id dataset { name } field tag detector status score sampled matching byName } } }`,
  acceptTag: 'mutation ($id: ID!, $reason: String) { done: acceptTagProposal(id: $id, reason: $reason) { id dataset { name } field tag status } }',
  refuseTag: 'mutation ($id: ID!, $reason: String) { done: refuseTagProposal(id: $id, reason: $reason) { id dataset { name } field tag status } }',
  masterKeys: `{ masterKeys { ${KEY_FIELDS} } }`,
  rotateKeys: `mutation { rotateKeys { from { ${KEY_FIELDS} } to { ${KEY_FIELDS} } } }`,
  retireKey: `mutation ($id: ID!) { retireMasterKey(id: $id) { ${KEY_FIELDS} } }`,
  checkQuality: `mutation ($dataset: String!) { checkQuality(dataset: $dataset) {
  id rowCount score accuracy completeness consistency timeliness
  checks { name dimension severity status observed expected failingRows } } }`,
  whoCanSee: `query ($tag: String!, $unmasked: Boolean) { found: whoCanSee(tag: $tag, unmasked: $unmasked) {
  dataset field tags audience purposes withoutPurpose plain effect grants } }`,
  whoSaw: `query ($tag: String!, $since: DateTime) { found: whoSaw(tag: $tag, since: $since) {
  dataset field principal purposes acts rows last } }`,
  grantUses: `query ($since: DateTime, $unused: Boolean) { found: grantUses(since: $since, unused: $unused) { grant acts lastUsedAt } }`,
  processingActivities: `{ found: processingActivities {
  purpose description lawfulBasis contact categoriesOfSubjects categoriesOfData recipients transfers retention gaps
  datasets { dataset subject plain masked source grants } } }`,
  changeRequests: `query ($status: ChangeStatus) { found: changeRequests(status: $status) { ${CHANGE_FIELDS} } }`,
  approveChange: `mutation ($id: ID!, $reason: String) { found: approveChange(id: $id, reason: $reason) { ${CHANGE_FIELDS} } }`,
  refuseChange: `mutation ($id: ID!, $reason: String) { found: refuseChange(id: $id, reason: $reason) { ${CHANGE_FIELDS} } }`,
  quarantine: `query ($dataset: String!, $first: Int, $after: String, $run: ID, $field: String, $rule: String, $state: QuarantineState) {
  quarantine(dataset: $dataset, first: $first, after: $after, run: $run, field: $field, rule: $rule, state: $state) {
  totalCount pageInfo { hasNextPage endCursor } nodes { ${REFUSED_FIELDS} } } }`,
  replayQuarantine: `mutation ($dataset: String!, $ids: [ID!], $patch: JSON, $mode: LoadMode) {
  found: replayQuarantine(dataset: $dataset, ids: $ids, patch: $patch, mode: $mode) { ${RUN_FIELDS} } }`,
  discardQuarantine:
    'mutation ($dataset: String!, $ids: [ID!]!, $reason: String!) { discarded: discardQuarantine(dataset: $dataset, ids: $ids, reason: $reason) }',
  exportSubject: `mutation ($subject: String!) { exportSubject(subject: $subject) {
  url datasets { dataset rows quarantined } withheld masked elsewhere waiting complete } }`,
  eraseSubject: `mutation ($subject: String!, $reason: String!) { eraseSubject(subject: $subject, reason: $reason) {
  id subjectReference datasets { dataset rows nullified } quarantined staged keysDestroyed others { name count } elsewhere recompute openRuns } }`,
} as const;
