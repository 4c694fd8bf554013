import fc, { type Arbitrary } from 'fast-check';
import type { Directive, FieldNode, FragmentNode, InputNode, SelectionNode } from './documents.js';
import { direction, givenAs, leaf, list, object, oneOf, SCALAR_NAMES } from './inputs.js';
import { made } from './made.js';
import { keySample } from './samples.js';
import { capital, measures, SummaryInputs, type KeyNode } from './summary-inputs.js';
import type { Shown, ShownDataset } from './views.js';
import { WhereInputs } from './where-inputs.js';

type Entry = readonly [string, InputNode];
export type Args = readonly Entry[];

/** Bounds of what is asked. */
export interface Scope {
  /** Relations below one another. */
  readonly depth: number;
  readonly pageSizes: readonly number[];
  readonly withSummaries: boolean;
}

export interface Bounded {
  readonly of: { readonly name: string; readonly args: Args };
  /** Places among the cursors, and how many rows. */
  readonly bounds: { readonly after?: number | undefined; readonly before?: number | undefined; readonly size: number; readonly isBackward: boolean };
}

/** The rows' cursors and what is said of the page. */
export function page(name: string, args: Args): FieldNode {
  const leafs = (names: readonly string[]): SelectionNode[] => names.map((leafName) => ({ kind: 'field', name: leafName }));
  return {
    kind: 'field',
    name,
    args,
    children: [
      { kind: 'field', name: 'edges', children: leafs(['cursor']) },
      { kind: 'field', name: 'pageInfo', children: leafs(['hasNextPage', 'hasPreviousPage', 'startCursor', 'endCursor']) },
      ...leafs(['totalCount']),
    ],
  };
}

const ORDINARY: Scope = { depth: 2, pageSizes: [0, 1, 2, 3, 5, 20], withSummaries: true };

/** Generated questions about what a view shows: trees of fields, to be `written` as documents. */
export class Questions {
  readonly #shown: Shown;
  readonly #scope: Scope;
  readonly #wheres: WhereInputs;
  readonly #summaries: SummaryInputs;
  // The same is asked of a dataset wherever it is met.
  readonly #rows = new Map<string, Arbitrary<SelectionNode[]>>();
  readonly #connections = new Map<string, Arbitrary<SelectionNode[]>>();
  readonly #choices = new Map<string, Arbitrary<Args>>();

  constructor(shown: Shown, scope: Partial<Scope> = {}) {
    this.#shown = shown;
    this.#scope = { ...ORDINARY, ...scope };
    this.#wheres = new WhereInputs(shown);
    this.#summaries = new SummaryInputs(shown, this.#wheres);
  }

  /** One to three root fields; undefined for a view that shows no dataset. */
  question(): Arbitrary<SelectionNode[]> | undefined {
    const roots = [...this.#shown.values()].flatMap((shown) => {
      const one = { weight: 1, arbitrary: this.byKey(shown) };
      return [{ weight: 4, arbitrary: this.connection(shown, shown.dataset.graphqlName, this.#scope.depth) }, ...(shown.key.length > 0 ? [one] : [])];
    });
    const [first, ...others] = roots;
    return first && fc.array(this.#maybeWrapped('Query', fc.oneof(first, ...others)), { minLength: 1, maxLength: 3, size: 'small' });
  }

  byKey(shown: ShownDataset): Arbitrary<FieldNode> {
    const args = fc.tuple(
      ...shown.key.map((field) => {
        const [first, ...others] = Array.from({ length: 12 }, (_, i) => keySample(field.type, i)).flatMap((cell) => givenAs(field.type, cell));
        return leaf(SCALAR_NAMES[field.type], fc.constantFrom(first, ...others)).map((given): Entry => [field.graphqlName, given]);
      }),
    );
    return composite(fc.constant(`${shown.dataset.graphqlName}ByKey`), this.#row(shown, this.#scope.depth), args);
  }

  connection(shown: ShownDataset, name: string, depth: number): Arbitrary<FieldNode> {
    return composite(fc.constant(name), this.#connectionMembers(shown, depth), this.args(shown));
  }

  args(shown: ShownDataset): Arbitrary<Args> {
    return fc.tuple(this.#page(), this.choice(shown)).map(([page, rest]) => [...page, ...rest]);
  }

  /** Which rows, and in which order. */
  choice(shown: ShownDataset): Arbitrary<Args> {
    return made(this.#choices, shown.dataset.name, () => this.#choiceOf(shown));
  }

  #choiceOf(shown: ShownDataset): Arbitrary<Args> {
    const where = this.#wheres.where(shown, 2).map((given): Entry => ['where', given]);
    const order = this.order(shown).map((given): Entry => ['orderBy', given]);
    const optional = fc.tuple(fc.option(where, { freq: 2, nil: undefined }), fc.option(order, { freq: 4, nil: undefined }));
    return optional.map((entries) => entries.filter((entry) => entry !== undefined));
  }

  /** A question for all rows with their cursors, and the same again with bounds. */
  bounded(): Arbitrary<Bounded> | undefined {
    const [first, ...others] = [...this.#shown.values()].map((shown) => fc.record({ name: fc.constant(shown.dataset.graphqlName), args: this.choice(shown) }));
    if (!first) return undefined;
    const bounds = fc.record({
      after: fc.option(fc.nat(), { nil: undefined }),
      before: fc.option(fc.nat(), { nil: undefined }),
      size: fc.nat(4),
      isBackward: fc.boolean(),
    });
    return fc.record({ of: fc.oneof(first, ...others), bounds });
  }

  order(shown: ShownDataset): Arbitrary<InputNode> {
    const element = this.#orderElement(shown, 2);
    return list(`${shown.dataset.typeName}OrderBy`, element ? fc.array(element, { maxLength: 3 }) : fc.constant([]));
  }

  /** Undefined where there is nothing to order by. */
  #orderElement(shown: ShownDataset, depth: number): Arbitrary<InputNode> | undefined {
    const own = shown.fields.filter((field) => !field.list && field.type !== 'json').map(({ graphqlName }) => graphqlName);
    const field = oneOf(own)?.chain((name) => direction.map((given): Entry[] => [[name, given]]));
    const through = shown.one.flatMap(({ graphqlName, to }) => {
      const target = depth > 0 ? this.#shown.get(to) : undefined;
      const inner = target && this.#orderElement(target, depth - 1);
      return inner ? [{ weight: 2, arbitrary: inner.map((given): Entry[] => [[graphqlName, given]]) }] : [];
    });
    const [first, ...others] = [...(field ? [{ weight: 6, arbitrary: field }] : []), ...through];
    return first && object(`${shown.dataset.typeName}OrderBy`, fc.oneof(first, ...others));
  }

  #page(): Arbitrary<Args> {
    const size = leaf('Int', fc.constantFrom(...this.#scope.pageSizes));
    const offset = leaf('Int', fc.constantFrom(0, 1, 2, 7)).map((given): Entry => ['offset', given]);
    const first = size.map((given): Entry => ['first', given]);
    return fc.oneof(
      { weight: 4, arbitrary: first.map((entry) => [entry]) },
      { weight: 2, arbitrary: size.map((given): Entry[] => [['last', given]]) },
      { weight: 1, arbitrary: fc.tuple(first, offset) },
      { weight: 1, arbitrary: fc.constant([]) },
    );
  }

  #connectionMembers(shown: ShownDataset, depth: number): Arbitrary<SelectionNode[]> {
    return made(this.#connections, `${shown.dataset.name} ${depth}`, () => this.#membersOf(shown, depth));
  }

  #membersOf(shown: ShownDataset, depth: number): Arbitrary<SelectionNode[]> {
    const { typeName } = shown.dataset;
    const row = this.#row(shown, depth);
    const node = composite(fc.constant('node'), row);
    const edge = this.#members(`${typeName}Edge`, fc.oneof(node, leafField('cursor'), leafField('__typename')), 2);
    const info = fc.constantFrom('hasNextPage', 'hasPreviousPage', 'startCursor', 'endCursor', '__typename').chain(leafField);
    const members = [
      { weight: 6, arbitrary: composite(fc.constant('nodes'), row) },
      { weight: 2, arbitrary: composite(fc.constant('edges'), edge) },
      { weight: 2, arbitrary: composite(fc.constant('pageInfo'), this.#members('PageInfo', info, 3)) },
      { weight: 2, arbitrary: leafField('totalCount') },
      { weight: 1, arbitrary: leafField('__typename') },
    ];
    if (this.#scope.withSummaries) {
      members.push({ weight: 2, arbitrary: composite(fc.constant('aggregate'), this.#aggregate(shown)) });
      const groupBy = this.#groupBy(shown);
      if (groupBy) members.push({ weight: 2, arbitrary: groupBy });
    }
    return this.#members(`${typeName}Connection`, fc.oneof(...members), 3);
  }

  #row(shown: ShownDataset, depth: number): Arbitrary<SelectionNode[]> {
    return made(this.#rows, `${shown.dataset.name} ${depth}`, () => this.#rowOf(shown, depth));
  }

  #rowOf(shown: ShownDataset, depth: number): Arbitrary<SelectionNode[]> {
    const members: { weight: number; arbitrary: Arbitrary<FieldNode> }[] = [
      { weight: 8, arbitrary: fc.constantFrom(...shown.fields.map(({ graphqlName }) => graphqlName)).chain(leafField) },
      { weight: 1, arbitrary: leafField('__typename') },
    ];
    if (depth > 0) {
      for (const { graphqlName, to } of shown.one) {
        const target = this.#shown.get(to);
        if (target) members.push({ weight: 2, arbitrary: composite(fc.constant(graphqlName), this.#row(target, depth - 1)) });
      }
      for (const { graphqlName, to } of shown.many) {
        const target = this.#shown.get(to);
        if (target) members.push({ weight: 2, arbitrary: this.connection(target, graphqlName, depth - 1) });
      }
    }
    return this.#members(shown.dataset.typeName, fc.oneof(...members), 4);
  }

  #aggregate({ dataset, fields }: ShownDataset): Arbitrary<SelectionNode[]> {
    const names = ['countDistinct', 'min', 'max', 'sum', 'avg', 'stddev', 'variance'] as const;
    const ofMeasure = names.flatMap((name) => {
      const of = fields.filter((field) => measures(field).includes(name)).map(({ graphqlName }) => graphqlName);
      if (of.length === 0) return [];
      const inner = this.#members(`${dataset.typeName}${capital(name)}`, fc.constantFrom(...of, '__typename').chain(leafField), 3);
      return [composite(fc.constant(name), inner)];
    });
    return this.#members(`${dataset.typeName}Aggregate`, fc.oneof(leafField('count'), leafField('__typename'), ...ofMeasure), 3);
  }

  #groupBy(shown: ShownDataset): Arbitrary<FieldNode> | undefined {
    const { typeName } = shown.dataset;
    return this.#summaries.keys(shown)?.chain((keys) => {
      const having = this.#summaries.having(shown).map((given): Entry => ['having', given]);
      const orderBy = this.#summaries.order(shown, keys).map((given): Entry => ['orderBy', given]);
      const first = leaf('Int', fc.constantFrom(...this.#scope.pageSizes)).map((given): Entry => ['first', given]);
      const offset = leaf('Int', fc.constantFrom(0, 1)).map((given): Entry => ['offset', given]);
      const optional = fc.tuple(...[having, orderBy, first, offset].map((entry) => fc.option(entry, { freq: 1, nil: undefined })));
      const args = fc
        .tuple(list(`${typeName}GroupKey`, fc.constant(keys.map(({ input }) => input))), optional)
        .map(([given, rest]): Args => [['keys', given], ...rest.filter((entry) => entry !== undefined)]);
      const members = fc.oneof(
        { weight: 3, arbitrary: composite(fc.constant('keys'), this.#keys(shown, keys)) },
        { weight: 3, arbitrary: composite(fc.constant('aggregate'), this.#aggregate(shown)) },
        { weight: 1, arbitrary: leafField('__typename') },
      );
      return composite(fc.constant('groupBy'), this.#members(`${typeName}Group`, members, 3), args);
    });
  }

  /** Those that are grouped by, and now and then one that is not. */
  #keys(shown: ShownDataset, keys: readonly KeyNode[]): Arbitrary<SelectionNode[]> {
    const grouped = fc.constantFrom(...keys).map(({ place }) => pathOf(place));
    const absent = fc
      .constantFrom('__typename', ...shown.fields.filter((field) => measures(field).length > 0).map(({ graphqlName }) => graphqlName))
      .chain(leafField);
    return this.#members(`${shown.dataset.typeName}GroupKeys`, fc.oneof({ weight: 4, arbitrary: grouped }, { weight: 1, arbitrary: absent }), 4);
  }

  #members(type: string, member: Arbitrary<FieldNode>, maxLength: number): Arbitrary<SelectionNode[]> {
    return fc.array(this.#maybeWrapped(type, member), { minLength: 1, maxLength, size: 'max' });
  }

  #maybeWrapped(on: string, member: Arbitrary<FieldNode>): Arbitrary<SelectionNode> {
    const fragment: Arbitrary<FragmentNode> = fc.record({
      kind: fc.constant('fragment' as const),
      on: fc.constant(on),
      how: fc.constantFrom('bare', 'inline', 'named', 'twice'),
      children: fc.array(member, { minLength: 1, maxLength: 2 }),
      directive,
    });
    return fc.oneof({ weight: 9, arbitrary: member }, { weight: 1, arbitrary: fragment });
  }
}

function pathOf([name = '', ...rest]: readonly string[]): FieldNode {
  return { kind: 'field', name, ...(rest.length > 0 && { children: [pathOf(rest)] }) };
}

/** Few, since a document may have fifty. */
const directive: Arbitrary<Directive | undefined> = fc
  .tuple(fc.nat(11), fc.record({ name: fc.constantFrom('skip', 'include'), value: fc.boolean(), isVariable: fc.boolean() }))
  .map(([dice, given]) => (dice === 1 ? given : undefined));

const alias = fc.option(fc.constantFrom('a1', 'a2', '_b', '__proto__', 'id', 'constructor'), { freq: 4, nil: undefined });

function leafField(name: string): Arbitrary<FieldNode> {
  return fc.record({ kind: fc.constant('field' as const), name: fc.constant(name), alias, directive });
}

function composite(name: Arbitrary<string>, children: Arbitrary<readonly SelectionNode[]>, args: Arbitrary<Args> = fc.constant([])): Arbitrary<FieldNode> {
  return fc.record({ kind: fc.constant('field' as const), name, args, children, alias, directive, isSplit: rarely });
}

const rarely = fc.nat(9).map((n) => n === 1);
