import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { loadConfig } from '../../src/config/index.js';
import { manual } from './manual.js';

const text = await readFile(manual('docs/configuration.md'), 'utf8');
const source = await readFile(manual('src/config/environment.ts'), 'utf8');
const known = [...source.matchAll(/^ {2}([A-Z][A-Z_]+): /gm)].map(([, name]) => name ?? '');

test('the manual names every variable of the environment, and no other', () => {
  const named = new Set([...text.matchAll(/\b(?:HEADGATE_[A-Z_]*[A-Z]|DATABASE_URL|REDIS_URL|HOST|PORT|LOG_LEVEL)\b/g)].map(([name]) => name));
  // HEADGATE_SECRET_* is an example's name, HEADGATE_TOKEN the command line's.
  for (const other of ['HEADGATE_SECRET', 'HEADGATE_SECRET_CRM', 'HEADGATE_TOKEN']) named.delete(other);
  expect([...named].toSorted()).toEqual(known.toSorted());
});

test('the limits have the defaults that the manual tells', () => {
  const told = [...text.matchAll(/^\| `(HEADGATE_(?:DEFAULT|MAX|STATEMENT|RATE|EXPORT)[A-Z_]+)` \| .* \| `(\d+)` \|$/gm)];
  const camel = (name: string) =>
    name
      .slice('HEADGATE_'.length)
      .toLowerCase()
      .replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  expect(Object.fromEntries(told.map(([, name = '', value]) => [camel(name), Number(value)]))).toEqual(loadConfig({}).limits);
});
