// Writes the generated files of this folder from the built program (`npm run schema`). They are checked in, so that a
// change of what users can touch shows in review.
import 'reflect-metadata';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { printSchema } from 'graphql';
import { DOCUMENTS } from '../dist/src/cli/documents.js';
import { bareControlSchema } from '../dist/src/graphql/index.js';
import { ERROR_CODES, sha256 } from '../dist/src/kernel/index.js';

const FILES = {
  'control.graphql': () => printSchema(bareControlSchema()),
  'command-documents.json': () => JSON.stringify(Object.fromEntries(Object.values(DOCUMENTS).map((text) => [sha256(text), text])), null, 2),
  'error-codes.json': () => JSON.stringify(ERROR_CODES, null, 2),
};

for (const [name, text] of Object.entries(FILES)) writeFileSync(join(import.meta.dirname, name), `${text().trimEnd()}\n`);
