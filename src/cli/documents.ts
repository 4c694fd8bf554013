import { RUN_FIELDS } from './run-lines.js';

/**
 * All that commands ask of a server in GraphQL, but for introspection. `schema/command-documents.json` has them as a
 * manifest, for servers that execute trusted documents only.
 */
export const DOCUMENTS = {
  runPipeline: `mutation ($name: String!) { runPipeline(name: $name) { ${RUN_FIELDS} } }`,
  showRun: `query ($id: ID!) { found: run(id: $id) { ${RUN_FIELDS} } }`,
  cancelRun: `mutation ($id: ID!) { found: cancelRun(id: $id) { ${RUN_FIELDS} } }`,
  checkQuality: `mutation ($dataset: String!) { checkQuality(dataset: $dataset) {
  id rowCount score accuracy completeness consistency timeliness
  checks { name dimension severity status observed expected failingRows } } }`,
} as const;
