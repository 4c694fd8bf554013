import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pageOf, rowsOf, serveRows } from '../sources/rows-server.js';
import type { ApiServer } from '../support/api-server.js';
import { House } from '../support/house.js';
import { anyOf, askingOf } from './support/asking.js';
import { written } from './support/documents.js';
import type { DatasetModel, World } from './support/model.js';
import { PATIENCE, runs } from './support/runs.js';
import { manifestOf, ROOMY, Stage } from './support/stage.js';
import { worlds } from './support/worlds.js';

/**
 * Whatever an API is asked for changes no answer: with all the filters, keys, pages and orders that it has, generated questions about generated
 * catalogs, grants and rows have the answers that they have where it gives nothing but all of its rows.
 */
const CATALOGS = 2;
const QUESTIONS = 16;

let stage: Stage;
beforeAll(async () => (stage = await Stage.open()));
afterAll(() => stage.close());

test.for(worlds(runs(CATALOGS)))('what an API is asked for changes no answer (catalog $seed)', { timeout: PATIENCE }, async ({ seed, world }) => {
  const stored = await stage.set(world);
  const names = world.datasets.map(({ name }) => name);
  const api = await serveRows(await rowsOf(stored, names));
  const [able, dull] = [await at(api, world, ableRows), await at(api, world, dullRows)];
  try {
    const askings = await Promise.all(world.askers.map((asker) => askingOf(able, world, asker)));
    await fc.assert(
      fc.asyncProperty(
        anyOf(askings, ({ question }) => question),
        async ({ asking: { asker }, given }) => {
          const { query, variables } = written(given);
          const [one, other] = [await able.query(asker, query, variables), await dull.query(asker, query, variables)];
          expect(unmarked(one.text), `${asker.subject} asked ${query} with ${JSON.stringify(variables)}`).toBe(unmarked(other.text));
        },
      ),
      { seed, numRuns: QUESTIONS },
    );
  } finally {
    await able.close();
    await dull.close();
    await api.close();
  }
});

type RowsAt = (dataset: DatasetModel) => unknown;

async function at(api: ApiServer, world: World, rows: RowsAt): Promise<House> {
  const house = await House.open(ROOMY);
  house.asksTwice = false;
  house.secrets.set('HEADGATE_SECRET_API', api.url);
  await house.apply('kind: Source\nname: api\ntype: http\nurl: ${HEADGATE_SECRET_API}\n');
  const documents = manifestOf(world)
    .split('\n---\n')
    .map((text) => JSON.parse(text) as { readonly kind: string; readonly name: string })
    .map((document) => {
      const dataset = document.kind === 'Dataset' ? world.datasets.find(({ name }) => name === document.name) : undefined;
      return dataset ? { ...document, source: 'api', http: rows(dataset) } : document;
    });
  await house.apply(documents.map((document) => JSON.stringify(document)).join('\n---\n'));
  return house;
}

const LIMITS = { rows: 10_000, requests: 1_000, bytes: 50_000_000 };
const EQUATED = new Set(['text', 'integer', 'bigint', 'boolean', 'uuid', 'date']);
const ORDERED = new Set(['integer', 'date']);

function dullRows({ name }: DatasetModel): unknown {
  return { list: { path: `/${name}`, items: '/data', pages: { by: 'page', parameter: 'page', size: { parameter: 'per_page', rows: 1_000 } } }, limits: LIMITS };
}

/** All that the server can be asked for exactly. */
function ableRows({ name, fields, key }: DatasetModel): unknown {
  const filters = fields.flatMap(({ name: field, type, list }) => {
    if (list || !EQUATED.has(type)) return [];
    const bounds = { gt: `${field}_above`, gte: `${field}_from`, lt: `${field}_below`, lte: `${field}_to` };
    return [[field, { in: field, ...(ORDERED.has(type) && bounds) }]];
  });
  const [first, ...more] = key;
  const single = more.length === 0 && first === fields[0]?.name ? first : undefined;
  const isOrdered = fields.some((field) => field.name === single && field.type === 'integer');
  return {
    list: {
      path: `/${name}`,
      items: '/data',
      filters: Object.fromEntries(filters),
      pages: { by: 'page', parameter: 'page', size: { parameter: 'per_page', rows: 7 } },
      ...(isOrdered && single !== undefined && { order: { parameter: 'sort', by: { [single]: { asc: single, desc: `-${single}` } } } }),
    },
    ...(single !== undefined && { get: { path: `/${name}/{${single}}`, item: '/item' } }),
    limits: LIMITS,
  };
}

/** Cursors without their mark, which says whose ids the datasets have. */
function unmarked(text: string): string {
  return text.replaceAll(/"(WyJ[A-Za-z0-9_-]+)"/g, (_, cursor: string) => {
    const [, ...values] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[];
    return JSON.stringify(['cursor', ...values]);
  });
}

test('the server of these tests does what it is asked for', () => {
  const rows = [
    { id: 1, a: 'x' },
    { id: 2, a: null },
    { id: 3, a: 'x' },
  ];
  expect(pageOf(rows, { query: new URLSearchParams('a=x&sort=-id&id_below=3') }).data).toEqual([rows[0]]);
});
