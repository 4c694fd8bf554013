// Writes the generated files of this folder from the built program (`npm run schema`). They are checked in, so that a
// change of what users can touch shows in review.
import 'reflect-metadata';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { printSchema } from 'graphql';
import { catalogOf, datasetKind, parseManifests, reservedText } from '../dist/src/catalog/index.js';
import { DOCUMENTS } from '../dist/src/cli/documents.js';
import { loadConfig } from '../dist/src/config/index.js';
import { bareControlSchema, listedDataPlane, listedSubgraph } from '../dist/src/graphql/index.js';
import { ERROR_CODES, sha256 } from '../dist/src/kernel/index.js';
import { prepareParser } from '../dist/src/sql/index.js';

/** The datasets of the demo. */
function demo() {
  const text = readFileSync(join(import.meta.dirname, '../examples/demo/2-datasets.yaml'), 'utf8');
  const documents = parseManifests([{ file: '2-datasets.yaml', text }], [datasetKind]);
  return catalogOf(documents.map(({ spec }) => spec));
}

const FILES = {
  'control.graphql': () => printSchema(bareControlSchema()),
  'command-documents.json': () => JSON.stringify(Object.fromEntries(Object.values(DOCUMENTS).map((text) => [sha256(text), text])), null, 2),
  // An example: what clients have of the demo's datasets, and what a router has.
  'data-plane.graphql': () => listedDataPlane(demo()),
  'subgraph.graphql': () => listedSubgraph(demo(), loadConfig({}).limits),
  'reserved.txt': reservedText,
  'error-codes.json': () => JSON.stringify(ERROR_CODES, null, 2),
};

await prepareParser();
for (const [name, text] of Object.entries(FILES)) writeFileSync(join(import.meta.dirname, name), `${text().trimEnd()}\n`);
