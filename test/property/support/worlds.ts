import fc, { type GeneratorValue } from 'fast-check';
import { ANONYMOUS, type Principal } from '../../../src/identity/index.js';
import { drawDatasets } from './catalogs.js';
import { drawGrants } from './grants.js';
import type { World } from './model.js';
import { drawRows } from './rows.js';
import { SAMPLES } from './samples.js';

/** A catalog, its data, grants and askers. Not shrunk: what fails on one is a query, which is. */
export function drawWorld(g: GeneratorValue): World {
  const datasets = drawDatasets(g);
  const rows = Object.fromEntries(datasets.map((dataset) => [dataset.name, drawRows(g, dataset)]));
  return { datasets, rows, grants: drawGrants(g, datasets), askers: drawAskers(g) };
}

/** So many of them, with a seed each. */
export function worlds({ seed, numRuns }: { readonly seed: number; readonly numRuns: number }): { readonly seed: number; readonly world: World }[] {
  return fc.sample(fc.gen(), { seed, numRuns }).map((g, i) => ({ seed: seed + i, world: drawWorld(g) }));
}

function drawAskers(g: GeneratorValue): Principal[] {
  const base = { purposes: [], anonymous: false, claims: { text: g(fc.constantFrom, ...SAMPLES.text), list: ['a'] } };
  return [
    { ...base, subject: 'ann', roles: ['reader'] },
    { ...base, subject: 'bob', roles: ['reader'], purposes: ['care', 'ads'], purpose: 'care', claims: {} },
    { ...base, subject: 'cid', roles: ['other'], purposes: ['ads'] },
    { ...base, subject: 'dot', roles: ['engineer'] },
    ANONYMOUS,
  ];
}
