// Bundles GraphiQL into dist/graphiql, and does nothing when neither our files nor the packages they need have changed.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const project = join(import.meta.dirname, '..');
const sources = join(import.meta.dirname, 'graphiql');
const mark = join(project, 'dist/graphiql/built-from');

function fingerprint() {
  const hash = createHash('sha256');
  for (const file of readdirSync(sources).toSorted()) hash.update(file).update(readFileSync(join(sources, file)));
  return hash.update(readFileSync(join(project, 'package-lock.json'))).digest('hex');
}

const current = fingerprint();
if (!existsSync(mark) || readFileSync(mark, 'utf8') !== current) {
  const { build } = await import('vite');
  await build({ configFile: join(sources, 'vite.config.js') });
  writeFileSync(mark, current);
}
