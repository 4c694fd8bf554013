import fc, { type Arbitrary } from 'fast-check';
import type { InputNode } from './documents.js';
import { made } from './made.js';
import { leaf, list, maybeAbsent, object, operandOf, SCALAR_NAMES } from './inputs.js';
import type { FieldModel } from './model.js';
import type { Shown, ShownDataset } from './views.js';

type Entry = readonly [string, InputNode];

const PATTERNS = ['a%', '%b', '_', '%\\%%', 'A_', '%', '', '%ß%', '\\a%', '%\\\\%', '😀%', '%_e', 'STRA%'];
/** Of regular expressions only what means the same to PostgreSQL and to JavaScript. */
const EXPRESSIONS = ['^a', 'b$', '[a-z]+', 'a.', '^$', 'ä', '^.{2}$', '(a|z)', '[^a]', '\\.', '^J'];
const PATHS = [['a'], ['a', 'b'], ['0'], ['2', 'a'], ['-1'], ['k', '1'], ['x'], ['a', '0', 'b'], ['ä "q"'], ['a', '1']];
const JSON_OPERANDS = [1, 2, 0.5, 'a', 'b', true, {}, [], { a: 1 }, [1], { b: 2 }, { a: { b: null } }, { a: [] }, [{ a: 1 }], ['a', 1, 1]];

/** `where` arguments of a view, by dataset and depth. */
export class WhereInputs {
  readonly #shown: Shown;
  readonly #made = new Map<string, Arbitrary<InputNode>>();
  constructor(shown: Shown) {
    this.#shown = shown;
  }

  where(shown: ShownDataset, depth: number): Arbitrary<InputNode> {
    return made(this.#made, `${shown.dataset.name} ${depth}`, () => this.#where(shown, depth));
  }

  #where(shown: ShownDataset, depth: number): Arbitrary<InputNode> {
    const type = `${shown.dataset.typeName}Where`;
    const field = fc.constantFrom(...shown.fields).chain((one) => this.field(one).map((filter): Entry => [one.graphqlName, filter]));
    const entries = [{ weight: 6, arbitrary: field }];
    if (depth > 0) {
      const inner = this.where(shown, depth - 1);
      const several = list(type, fc.array(inner, { maxLength: 3 }));
      entries.push(
        { weight: 1, arbitrary: inner.map((given): Entry => ['not', given]) },
        { weight: 2, arbitrary: fc.tuple(fc.constantFrom('and', 'or'), several).map(([name, given]): Entry => [name, given]) },
      );
      for (const { graphqlName, to } of shown.one) {
        const target = this.#shown.get(to);
        if (target) entries.push({ weight: 1, arbitrary: this.where(target, depth - 1).map((given): Entry => [graphqlName, given]) });
      }
      for (const { graphqlName, to } of shown.many) {
        const target = this.#shown.get(to);
        if (!target) continue;
        const quantified = fc.tuple(fc.constantFrom('some', 'every', 'none'), this.where(target, depth - 1)).map(([name, given]): Entry => [name, given]);
        const filter = object(`${target.dataset.typeName}ManyFilter`, distinct(quantified, 2));
        entries.push({ weight: 1, arbitrary: filter.map((given): Entry => [graphqlName, given]) });
      }
    }
    return object(type, distinct(fc.oneof(...entries), 2));
  }

  field({ type, list: isList }: Pick<FieldModel, 'type' | 'list'>): Arbitrary<InputNode> {
    const scalar = SCALAR_NAMES[type];
    const isNull = leaf('Boolean', fc.boolean()).map((given): Entry => ['isNull', given]);
    const one = leaf(scalar, operandOf(type));
    const many = list(scalar, fc.array(one, { maxLength: 3 }));
    const named = (names: readonly string[], given: Arbitrary<InputNode>): Arbitrary<Entry> =>
      fc.tuple(fc.constantFrom(...names), maybeAbsent(given)).map(([name, value]): Entry => [name, value]);
    if (isList) return object(`${scalar}ListFilter`, distinct(fc.oneof(isNull, named(['contains', 'containedBy', 'overlaps'], many)), 2));
    if (type === 'json') return object('JSONFilter', distinct(fc.oneof(isNull, ...jsonOperators(named)), 2));
    const operators = [isNull, named(['eq', 'ne'], one)];
    if (type !== 'boolean') {
      const pair = list(scalar, fc.tuple(one, one));
      operators.push(named(['in', 'notIn'], many), named(['lt', 'lte', 'gt', 'gte'], one), named(['between'], pair));
    }
    if (type === 'text') {
      operators.push(
        named(['eqInsensitive', 'contains', 'startsWith', 'endsWith', 'containsInsensitive', 'startsWithInsensitive', 'endsWithInsensitive'], one),
        named(['inInsensitive'], many),
        named(['like', 'likeInsensitive'], leaf('String', fc.constantFrom(...PATTERNS))),
        named(['matches', 'matchesInsensitive'], leaf('String', fc.constantFrom(...EXPRESSIONS))),
      );
    }
    return object(`${scalar}Filter`, distinct(fc.oneof(...operators), 2));
  }
}

function jsonOperators(named: (names: readonly string[], given: Arbitrary<InputNode>) => Arbitrary<Entry>): Arbitrary<Entry>[] {
  const any = leaf('JSON', fc.constantFrom(...JSON_OPERANDS));
  const sized = leaf('JSON', fc.constantFrom(0, 1, 1.5, 'a', 'b', 'ä'));
  const inner = fc.oneof(
    named(['eq', 'ne'], any),
    named(['lt', 'lte', 'gt', 'gte'], sized),
    named(['in'], list('JSON', fc.array(any, { maxLength: 2 }))),
    leaf('Boolean', fc.boolean()).map((given): Entry => ['isNull', given]),
  );
  const path = leaf('[String!]', fc.constantFrom(...PATHS)).map((given): Entry => ['path', given]);
  const filter = object(
    'JSONPathFilter',
    fc.tuple(path, distinct(inner, 2)).map(([steps, operators]) => [steps, ...operators]),
  );
  return [
    named(['contains'], any),
    leaf('String', fc.constantFrom('a', 'k', 'b', '1', 'ä "q"')).map((given): Entry => ['hasKey', given]),
    filter.map((given): Entry => ['path', given]),
  ];
}

/** No name twice. */
function distinct(entry: Arbitrary<Entry>, maxLength: number): Arbitrary<Entry[]> {
  return fc.uniqueArray(entry, { maxLength, minLength: 0, selector: ([name]) => name, size: 'max' });
}
