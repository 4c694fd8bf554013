import fc, { type Arbitrary } from 'fast-check';
import { parse, validate } from 'graphql';
import { expect, test } from 'vitest';
import type { Principal } from '../../src/identity/index.js';
import type { House } from '../support/house.js';
import { written, type InputNode, type SelectionNode } from './support/documents.js';
import { difference } from './support/matching.js';
import type { World } from './support/model.js';
import { Oracle } from './support/oracle.js';
import { page, Questions, type Bounded } from './support/questions.js';
import { PATIENCE, runs } from './support/runs.js';
import { stage } from './support/stage.js';
import { shownIn } from './support/views.js';
import { worlds } from './support/worlds.js';

/**
 * The law of equivalence: an answer is what plain graphql-js gives with naive resolvers over the rows as the principal
 * sees them. Both are asked the same generated questions, about generated catalogs, data and grants.
 */
const QUESTIONS = 40;
const PAGES = 12;

test.for(worlds(runs(12)))('an answer is what naive resolvers give (catalog $seed)', { timeout: PATIENCE }, async ({ seed, world }) => {
  const house = await stage(world);
  try {
    const askers = await Promise.all(world.askers.map((asker) => Asker.of(house, world, asker)));
    const asked = askers.flatMap((asker) => asker.with(asker.questions.question()));
    await fc.assert(
      fc.asyncProperty(fc.oneof(...asked), async ({ asker, given }) => void (await asker.compare(given))),
      { seed, numRuns: QUESTIONS },
    );
    const paged = askers.flatMap((asker) => asker.with(asker.questions.bounded()));
    await fc.assert(
      fc.asyncProperty(fc.oneof(...paged), async ({ asker, given }) => asker.comparePages(given)),
      { seed, numRuns: PAGES },
    );
  } finally {
    await house.close();
  }
});

class Asker {
  readonly questions: Questions;
  readonly #house: House;
  readonly #principal: Principal;
  readonly #oracle: Oracle;

  private constructor(house: House, principal: Principal, oracle: Oracle, questions: Questions) {
    this.#house = house;
    this.#principal = principal;
    this.#oracle = oracle;
    this.questions = questions;
  }

  static async of(house: House, world: World, principal: Principal): Promise<Asker> {
    const schema = await house.schema(principal);
    const oracle = new Oracle(world, principal, schema, (scope) => house.keyRing.derive(`mask/${scope}`));
    return new Asker(house, principal, oracle, new Questions(shownIn(schema, world)));
  }

  /** None for those who have nothing to ask about. */
  with<T>(given: Arbitrary<T> | undefined): Arbitrary<{ readonly asker: Asker; readonly given: T }>[] {
    return given ? [fc.record({ asker: fc.constant(this), given })] : [];
  }

  toString(): string {
    return this.#principal.subject;
  }

  /** @returns the ids of the rows that the answer's cursors stand for, in the order of the answer */
  async compare(roots: readonly SelectionNode[], known: ReadonlyMap<string, string> = new Map()): Promise<ReadonlyMap<string, string>> {
    const { query, variables } = written(roots);
    const document = parse(query);
    const context = `${String(this)} asked ${query} with ${JSON.stringify(variables)}`;
    expect(validate(this.#oracle.schema, document), context).toEqual([]);
    const expected = this.#oracle.answer(document, variables, known);
    const { data, errors = [], extensions = {} } = await this.#house.query(this.#principal, query, variables);
    const told = errors.map(({ path = [], extensions: { code, dataset, field } }) => ({ code, path, dataset, ...(field !== undefined && { field }) }));
    expect(told, context).toEqual(expected.errors);
    const cursors = new Map<string, string>();
    expect(difference(expected.data, data, cursors), context).toBeUndefined();
    expect((extensions['governance'] as { masked: string[] } | undefined)?.masked ?? [], context).toEqual(expected.masked);
    return cursors;
  }

  /** Behind and before cursors of an answer, forward and backward. */
  async comparePages({ of: { name, args }, bounds }: Bounded): Promise<void> {
    const all = await this.compare([page(name, args)]);
    const cursors = [...all.keys()];
    const bound = (argument: string, index: number | undefined): [string, InputNode][] => {
      const cursor = index === undefined ? undefined : cursors[index % Math.max(cursors.length, 1)];
      return cursor === undefined ? [] : [[argument, { kind: 'leaf', type: 'String', value: cursor, as: 'variable' }]];
    };
    const size: [string, InputNode] = [bounds.isBackward ? 'last' : 'first', { kind: 'leaf', type: 'Int', value: bounds.size, as: 'literal' }];
    await this.compare([page(name, [...args, size, ...bound('after', bounds.after), ...bound('before', bounds.before)])], all);
  }
}
