import fc, { type Arbitrary } from 'fast-check';
import type { FieldNode, InputNode, SelectionNode } from './documents.js';
import { direction, leaf, list, object } from './inputs.js';
import type { DatasetModel, FieldModel } from './model.js';
import { SummaryInputs } from './summary-inputs.js';
import type { Shown, ShownDataset } from './views.js';
import { WhereInputs } from './where-inputs.js';

type Entry = readonly [string, InputNode];

/** What somebody may ask who sees no row: numbers, with filters and groups over dimensions, in any combination and as often as they like. */
export class AggregateQuestions {
  readonly #dataset: DatasetModel;
  readonly #dimensions: ShownDataset;
  readonly #measures: ShownDataset;
  readonly #wheres: WhereInputs;
  readonly #summaries: SummaryInputs;

  constructor(dataset: DatasetModel, dimensions: readonly FieldModel[], measures: readonly FieldModel[]) {
    const nothing = { dataset, one: [], many: [], key: [] };
    this.#dataset = dataset;
    this.#dimensions = { ...nothing, fields: dimensions };
    this.#measures = { ...nothing, fields: measures };
    const shown: Shown = new Map([[dataset.name, this.#dimensions]]);
    this.#wheres = new WhereInputs(shown);
    this.#summaries = new SummaryInputs(shown, this.#wheres, ['sum', 'avg']);
  }

  question(): Arbitrary<SelectionNode[]> {
    return fc.array(this.#connection(), { minLength: 1, maxLength: 3 });
  }

  where(): Arbitrary<InputNode> {
    return this.#wheres.where(this.#dimensions, 3);
  }

  #connection(): Arbitrary<FieldNode> {
    const where = this.where().map((given): Entry => ['where', given]);
    const order = fc.constantFrom(...this.#dimensions.fields).chain(({ graphqlName }) =>
      list(
        `${this.#dataset.typeName}OrderBy`,
        object(
          `${this.#dataset.typeName}OrderBy`,
          direction.map((given): Entry[] => [[graphqlName, given]]),
        ).map((one) => [one]),
      ).map((given): Entry => ['orderBy', given]),
    );
    const args = optional([where, 5], [order, 1]);
    const member = fc.oneof(
      { weight: 2, arbitrary: plain('totalCount') },
      { weight: 1, arbitrary: plain('__typename') },
      { weight: 3, arbitrary: this.#aggregate() },
      { weight: 4, arbitrary: this.#groupBy() },
    );
    return composite(this.#dataset.graphqlName, fc.array(wrapped(`${this.#dataset.typeName}Connection`, member), { minLength: 1, maxLength: 3 }), args);
  }

  #aggregate(): Arbitrary<FieldNode> {
    const { typeName } = this.#dataset;
    const names = this.#measures.fields.map(({ graphqlName }) => graphqlName);
    const of = (name: 'sum' | 'avg') => {
      const [first, ...others] = [...names, '__typename'];
      return composite(name, fc.array(fc.constantFrom(first ?? '__typename', ...others).chain(plain), { minLength: 1, maxLength: 4 }));
    };
    const member = names.length === 0 ? fc.oneof(plain('count'), plain('__typename')) : fc.oneof(plain('count'), plain('__typename'), of('sum'), of('avg'));
    return composite('aggregate', fc.array(wrapped(`${typeName}Aggregate`, member), { minLength: 1, maxLength: 4 }));
  }

  #groupBy(): Arbitrary<FieldNode> {
    const { typeName } = this.#dataset;
    const keys = this.#summaries.keys(this.#dimensions);
    if (!keys) throw new Error('there is no dimension');
    return keys.chain((given) => {
      const of = list(`${typeName}GroupKey`, fc.constant(given.map(({ input }) => input))).map((all): Entry => ['keys', all]);
      const rest = optional(
        [this.#summaries.having(this.#measures).map((having): Entry => ['having', having]), 2],
        [this.#summaries.order(this.#measures, given).map((order): Entry => ['orderBy', order]), 2],
        [leaf('Int', fc.constantFrom(0, 1, 2, 50)).map((first): Entry => ['first', first]), 1],
        [leaf('Int', fc.constantFrom(0, 1)).map((offset): Entry => ['offset', offset]), 1],
      );
      const shown = composite('keys', fc.constant(given.map(({ place: [name = ''] }): FieldNode => ({ kind: 'field', name }))));
      const members = fc.array(wrapped(`${typeName}Group`, fc.oneof(shown, this.#aggregate())), { minLength: 1, maxLength: 3 });
      const args = fc.tuple(of, rest).map(([first, others]) => [first, ...others]);
      return composite('groupBy', members, args);
    });
  }
}

/** Each of them or not; more often with a greater weight. */
function optional(...entries: readonly (readonly [Arbitrary<Entry>, number])[]): Arbitrary<Entry[]> {
  return fc.tuple(...entries.map(([entry, freq]) => fc.option(entry, { freq, nil: undefined }))).map((all) => all.filter((entry) => entry !== undefined));
}

function plain(name: string): Arbitrary<FieldNode> {
  return alias.map((given) => ({ kind: 'field', name, alias: given }));
}

function composite(name: string, children: Arbitrary<readonly SelectionNode[]>, args: Arbitrary<Entry[]> = fc.constant([])): Arbitrary<FieldNode> {
  return fc.record({ kind: fc.constant('field' as const), name: fc.constant(name), alias, args, children });
}

const alias = fc.option(fc.constantFrom('a', 'b', 'nodes', 'salary'), { freq: 2, nil: undefined });

function wrapped(on: string, member: Arbitrary<FieldNode>): Arbitrary<SelectionNode> {
  const fragment = fc.record({
    kind: fc.constant('fragment' as const),
    on: fc.constant(on),
    how: fc.constantFrom('bare' as const, 'inline' as const, 'named' as const),
    children: fc.array(member, { minLength: 1, maxLength: 2 }),
  });
  return fc.oneof({ weight: 6, arbitrary: member }, { weight: 1, arbitrary: fragment });
}
