import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Principal } from '../../src/identity/index.js';
import type { House } from '../support/house.js';
import { askingOf } from './support/asking.js';
import type { World } from './support/model.js';
import { Questions } from './support/questions.js';
import { PATIENCE, runs } from './support/runs.js';
import { Stage } from './support/stage.js';
import { Coming, Walk } from './support/walks.js';
import { worlds } from './support/worlds.js';

/**
 * The law of pages: read forward or backward in any order, with rows arriving and leaving meanwhile, they neither repeat nor
 * skip a row that was there throughout.
 */
const CATALOGS = 4;
const WALKS = 15;
/** Rows are fewer. */
const MOST_PAGES = 100;

let stage: Stage;
/** Rows that were in their place throughout, of all walks. */
let compared = 0;
beforeAll(async () => (stage = await Stage.open()));
afterAll(() => stage.close());

const change = fc.record({ kind: fc.constantFrom('arrives', 'leaves'), which: fc.nat(30) });
const way = fc.record({ size: fc.integer({ min: 1, max: 4 }), isBackward: fc.boolean(), changes: fc.array(change, { maxLength: 8, size: 'max' }) });
type Way = typeof way extends fc.Arbitrary<infer T> ? T : never;

test.for(worlds(runs(CATALOGS)))('pages neither repeat nor skip a row (catalog $seed)', { timeout: PATIENCE }, async ({ seed, world: drawn }) => {
  const world = withPlainNumbers(drawn);
  const house = await stage.set(world);
  const lists = (await Promise.all(world.askers.map((asker) => listsOf(house, world, asker)))).flat();
  if (lists.length === 0) return;
  const [g] = fc.sample(fc.gen(), { seed, numRuns: 1 });
  if (!g) throw new Error('nothing was drawn');
  await fc.assert(
    fc.asyncProperty(fc.oneof(...lists), way, async ({ asker, dataset, args }, taken) => {
      const coming = new Coming(house, dataset, world.rows[dataset.name] ?? [], g);
      try {
        const { read, states } = await walk(new Walk(house, asker, dataset.graphqlName, args), coming, taken);
        const [first = new Map<number, string>()] = states;
        // By another row that it is ordered by, a row can move without being touched: its cursor is another one then, and it was not in its
        // place throughout.
        const still = [...first].filter(([uid, cursor]) => states.every((state) => state.get(uid) === cursor)).map(([uid]) => uid);
        compared += still.length;
        expect(read.filter((uid) => still.includes(uid))).toEqual(still);
      } finally {
        if (taken.changes.length > 0) await coming.restore();
      }
    }),
    { seed, numRuns: WALKS },
  );
});

test('there were rows to repeat or skip', () => expect(compared).toBeGreaterThan(CATALOGS * WALKS));

/** Datasets that a principal sees rows of, each with filters and orders that are not refused. */
async function listsOf(house: House, world: World, asker: Principal) {
  const { open, seen } = await askingOf(house, world, asker);
  const questions = new Questions(open);
  return [...open.values()]
    .filter(({ dataset }) => seen.of(dataset.name).rows.length > 1 && seen.access(dataset.name, 'uid').kind === 'plain')
    .map((shown) => fc.record({ asker: fc.constant(asker), dataset: fc.constant(shown.dataset), args: questions.choice(shown) }));
}

/** Page after page to the end, with a change in between as long as there are some. */
async function walk(reader: Walk, coming: Coming, { size, isBackward, changes }: Way) {
  const states = [await reader.all()];
  const left = [...changes];
  let page = await reader.page(size, isBackward);
  const pages = [page.uids];
  while (page.next !== undefined) {
    if (pages.length > MOST_PAGES) throw new Error('the pages have no end');
    const next = left.shift();
    if (next) {
      await coming.change(next);
      states.push(await reader.all());
    }
    page = await reader.page(size, isBackward, page.next);
    pages.push(page.uids);
  }
  return { read: (isBackward ? pages.toReversed() : pages).flat(), states };
}

/** Every grant shows the number by which rows are told apart. */
function withPlainNumbers(world: World): World {
  const grants = world.grants.filter(({ on }) => on.datasets).map((grant) => ({ ...grant, fields: { ...grant.fields, uid: 'allow' as const } }));
  return { ...world, grants };
}
