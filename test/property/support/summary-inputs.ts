import fc, { type Arbitrary } from 'fast-check';
import type { InputNode } from './documents.js';
import { direction, enumOf, leaf, list, object, oneOf } from './inputs.js';
import { comparedType, type Measure } from './measures.js';
import type { FieldModel } from './model.js';
import type { Shown, ShownDataset } from './views.js';
import type { WhereInputs } from './where-inputs.js';

type Entry = readonly [string, InputNode];

export function isComparable({ type, list: isList }: FieldModel): boolean {
  return !isList && type !== 'json';
}

/** Is there such a measure of the field? As in docs/querying.md. */
export function measures(field: FieldModel): Measure[] {
  if (!isComparable(field)) return [];
  const isNumber = ['integer', 'bigint', 'decimal', 'float'].includes(field.type);
  return [
    'countDistinct',
    ...(field.type === 'boolean' ? [] : (['min', 'max'] as const)),
    ...(isNumber ? (['sum', 'avg', 'stddev', 'variance'] as const) : []),
  ];
}

/** A key to group by, as it is asked for, ordered by and shown. */
export interface KeyNode {
  readonly place: readonly string[];
  readonly input: InputNode;
}

/** The arguments of `groupBy` of a view. */
export class SummaryInputs {
  readonly #shown: Shown;
  readonly #wheres: WhereInputs;
  readonly #steering: readonly Measure[];

  /** @param steering measures that groups are ordered by and chosen by */
  constructor(shown: Shown, wheres: WhereInputs, steering: readonly Measure[] = ['sum', 'min', 'max', 'avg']) {
    this.#shown = shown;
    this.#wheres = wheres;
    this.#steering = steering;
  }

  /** One to three, no place twice. */
  keys(shown: ShownDataset): Arbitrary<KeyNode[]> | undefined {
    const key = this.#key(shown, 2);
    return key && fc.uniqueArray(key, { minLength: 1, maxLength: 3, selector: ({ place }) => place.join('.'), size: 'max' });
  }

  /** Undefined where there is nothing to group by. */
  #key(shown: ShownDataset, depth: number): Arbitrary<KeyNode> | undefined {
    const type = `${shown.dataset.typeName}GroupKey`;
    const wrap = (name: string, input: InputNode, place: readonly string[]): KeyNode => ({
      place: [name, ...place],
      input: { kind: 'object', type, entries: [[name, input]], as: 'literal' },
    });
    const comparable = shown.fields.filter(isComparable);
    const own = oneOf(comparable)?.chain((field) => {
      const isTime = field.type === 'date' || field.type === 'timestamp';
      const given = isTime ? enumOf('DateTruncation', ['NONE', 'HOUR', 'DAY', 'WEEK', 'MONTH', 'QUARTER', 'YEAR']) : leaf('Boolean', fc.constant(true));
      return given.map((input) => wrap(field.graphqlName, input, []));
    });
    const through = shown.one.flatMap(({ graphqlName, to }) => {
      const target = depth > 0 ? this.#shown.get(to) : undefined;
      const inner = target && this.#key(target, depth - 1);
      return inner ? [{ weight: 1, arbitrary: inner.map(({ place, input }) => wrap(graphqlName, input, place)) }] : [];
    });
    const [first, ...others] = [...(own ? [{ weight: 4, arbitrary: own }] : []), ...through];
    return first && fc.oneof(first, ...others);
  }

  /** By measures, the count, and the keys. */
  order({ dataset, fields }: ShownDataset, keys: readonly KeyNode[]): Arbitrary<InputNode> {
    const type = `${dataset.typeName}GroupOrderBy`;
    const element = (name: string, given: Arbitrary<InputNode>): Arbitrary<InputNode> =>
      object(
        type,
        given.map((input): Entry[] => [[name, input]]),
      );
    const byKey = keys.map(({ place }) =>
      element(
        'key',
        direction.map((given) => nested(`${dataset.typeName}GroupKeyOrder`, place, given)),
      ),
    );
    const byMeasure = fields.flatMap((field) =>
      this.#steeringOf(field).map((name) => {
        const inner = object(
          `${dataset.typeName}${capital(name)}Order`,
          direction.map((given): Entry[] => [[field.graphqlName, given]]),
        );
        return element(name, inner);
      }),
    );
    return list(type, fc.array(fc.oneof(element('count', direction), ...byKey, ...byMeasure), { maxLength: 2 }));
  }

  having({ dataset, fields }: ShownDataset, depth = 1): Arbitrary<InputNode> {
    const type = `${dataset.typeName}Having`;
    const count = this.#wheres.field({ type: 'bigint', list: false }).map((given): Entry => ['count', given]);
    const byMeasure = fields.flatMap((field) =>
      this.#steeringOf(field).map((name) => {
        const of = name === 'avg' ? averageFilter(field) : this.#wheres.field({ type: resultType(name, field), list: false });
        const inner = object(
          `${dataset.typeName}${capital(name)}Having`,
          of.map((given): Entry[] => [[field.graphqlName, given]]),
        );
        return inner.map((given): Entry => [name, given]);
      }),
    );
    const entries = [count, ...byMeasure];
    if (depth > 0) {
      const inner = this.having({ dataset, fields } as ShownDataset, depth - 1);
      entries.push(
        inner.map((given): Entry => ['not', given]),
        fc.tuple(fc.constantFrom('and', 'or'), list(type, fc.array(inner, { maxLength: 2 }))).map(([name, given]): Entry => [name, given]),
      );
    }
    return object(type, fc.uniqueArray(fc.oneof(...entries), { maxLength: 2, selector: ([name]) => name, size: 'max' }));
  }

  #steeringOf(field: FieldModel): Measure[] {
    const isLarge = field.type === 'bigint' || field.type === 'decimal';
    return measures(field).filter((name) => this.#steering.includes(name) && (name !== 'avg' || !isLarge));
  }
}

/** How many digits an average has is PostgreSQL's business, so only those of small numbers are compared, and with none that they could be. */
function averageFilter(field: FieldModel): Arbitrary<InputNode> {
  const scalar = field.type === 'float' ? 'Float' : 'Decimal';
  const value = fc.constantFrom(0.1234567, 2.7654321, -1.1234567).map((given) => (scalar === 'Float' ? given : String(given)));
  return object(
    `${scalar}Filter`,
    fc.tuple(fc.constantFrom('gt', 'gte', 'lt', 'lte'), leaf(scalar, value)).map(([name, given]): Entry[] => [[name, given]]),
  );
}

function resultType(name: Measure, field: FieldModel): FieldModel['type'] {
  return name === 'sum' && field.type === 'integer'
    ? 'bigint'
    : name === 'min' || name === 'max' || field.type === 'bigint'
      ? field.type
      : comparedType(name, field);
}

function nested(type: string, [name = '', ...rest]: readonly string[], given: InputNode): InputNode {
  return { kind: 'object', type, as: 'literal', entries: [[name, rest.length === 0 ? given : nested(type, rest, given)]] };
}

export function capital(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}
