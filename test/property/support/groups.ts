import type { Conditions, Input, Visitor } from './conditions.js';
import { compareMeasures, comparedType, measure, type Measure } from './measures.js';
import { type Cell, cellOf, type DatasetModel, datasetOf, type FieldModel, type RelationModel, type Row, textOf, type World } from './model.js';
import { Near } from './near.js';
import { operates } from './operators.js';
import { compareNullable, type Direction } from './orders.js';
import { and, not, or } from './row-filters.js';
import { compare, isInfinite, wire } from './scalars.js';
import { asPreciseAs } from './decimal.js';
import { cutTo, type Unit } from './truncation.js';

interface Key {
  /** As in `keys { ... }`. */
  readonly place: string;
  readonly through: readonly { readonly from: DatasetModel; readonly relation: RelationModel }[];
  readonly dataset: DatasetModel;
  readonly field: FieldModel;
  readonly unit?: Unit;
}

export interface Group {
  readonly keys: readonly { readonly place: string; readonly wire: unknown }[];
  readonly rows: readonly Row[];
}

export interface GroupArgs {
  readonly keys: readonly Input[];
  readonly having?: Input | null;
  readonly orderBy?: readonly Input[] | null;
  readonly first?: number | null;
  readonly offset?: number | null;
}

/** The reference for `groupBy`. */
export class Groups {
  readonly #world: World;
  readonly #conditions: Conditions;

  constructor(world: World, conditions: Conditions) {
    this.#world = world;
    this.#conditions = conditions;
  }

  /** @param shown meets the keys, which are part of the answer; `visitor` all else */
  visit(dataset: DatasetModel, args: GroupArgs, visitor: Visitor, shown: Visitor): void {
    for (const key of this.keysOf(dataset, args)) {
      for (const { from, relation } of key.through) visitor.relation(from, relation);
      shown.field(key.dataset, key.field.name);
    }
    if (args.having) this.#visitHaving(dataset, args.having, visitor);
    for (const element of args.orderBy ?? []) {
      const [[kind, inner] = ['', undefined]] = Object.entries(element);
      if (kind !== 'key' && kind !== 'count') visitor.field(dataset, fieldNamed(dataset, Object.keys(inner as Input)[0]).name);
    }
  }

  groups(dataset: DatasetModel, rows: readonly Row[], args: GroupArgs, defaultPage: number): Group[] {
    const keys = this.keysOf(dataset, args);
    const groups: { values: Cell[]; rows: Row[] }[] = [];
    for (const row of rows) {
      const values = keys.map((key) => this.#value(key, row));
      const found = groups.find((group) => keys.every((key, i) => same(key, group.values[i] ?? null, values[i] ?? null)));
      if (found) found.rows.push(row);
      else groups.push({ values, rows: [row] });
    }
    const { having, orderBy, first, offset } = args;
    const kept = having ? groups.filter((group) => this.#holds(dataset, having, group.rows) === true) : groups;
    const sorted = kept.toSorted((a, b) => {
      for (const element of orderBy ?? []) {
        const order = this.#compare(dataset, keys, element, a, b);
        if (order !== 0) return order;
      }
      return keys.reduce(
        (order, key, i) => order || compareNullable((x, y) => compare(key.field.type, x, y), ASCENDING, a.values[i] ?? null, b.values[i] ?? null),
        0,
      );
    });
    const start = offset ?? 0;
    return sorted.slice(start, start + (first ?? defaultPage)).map((group) => ({
      rows: group.rows,
      keys: keys.map((key, i) => {
        const { place, field } = key;
        const value = group.values[i] ?? null;
        // Equal decimals of one group can have more and less digits.
        const shown =
          field.type === 'decimal' && value !== null
            ? asPreciseAs(
                group.rows.map((row) => this.#value(key, row) as string),
                value as string,
              )
            : value;
        return { place, wire: wire({ type: field.type, list: false }, shown) };
      }),
    }));
  }

  keysOf(dataset: DatasetModel, { keys }: GroupArgs): Key[] {
    return keys.map((element) => this.#key(dataset, element, []));
  }

  #key(dataset: DatasetModel, element: Input, through: Key['through']): Key {
    const [[name, value] = ['', undefined]] = Object.entries(element);
    const field = dataset.fields.find((candidate) => candidate.graphqlName === name);
    if (field) {
      const place = [...through.map(({ relation }) => relation.graphqlName), name].join('.');
      return { place, through, dataset, field, ...(typeof value === 'string' && value !== 'NONE' && { unit: value as Unit }) };
    }
    const relation = dataset.relations.find((candidate) => candidate.graphqlName === name);
    if (!relation) throw new Error(`${dataset.name} has no ${name}`);
    return this.#key(datasetOf(this.#world, relation.to), value as Input, [...through, { from: dataset, relation }]);
  }

  #value({ through, field, unit }: Key, row: Row): Cell {
    let at: Row | undefined = row;
    for (const { from, relation } of through) at = at && this.#conditions.related(from, at, relation)[0];
    const cell = at ? cellOf(at, field.name) : null;
    return cell === null || unit === undefined || isInfinite(cell) ? cell : cutTo(unit, field.type, cell as string);
  }

  #compare(dataset: DatasetModel, keys: readonly Key[], element: Input, a: { values: Cell[]; rows: Row[] }, b: { values: Cell[]; rows: Row[] }): number {
    const [[kind, inner] = ['', undefined]] = Object.entries(element);
    if (kind === 'count') return compareNullable((x, y) => Number(x) - Number(y), inner as Direction, a.rows.length, b.rows.length);
    if (kind === 'key') {
      const names: string[] = [];
      let value: unknown = inner;
      for (; !isDirection(value); [value] = Object.values(value as Input)) names.push(Object.keys(value as Input)[0] ?? '');
      const i = keys.findIndex(({ place }) => place === names.join('.'));
      const type = keys[i]?.field.type ?? 'text';
      return compareNullable((x, y) => compare(type, x, y), value, a.values[i] ?? null, b.values[i] ?? null);
    }
    const [[name, direction] = ['', undefined]] = Object.entries(inner as Input);
    const field = fieldNamed(dataset, name);
    const of = (rows: readonly Row[]): Cell | Near => measure(kind as Measure, field, cellsOf(rows, field));
    return compareNullable((x, y) => compareMeasures(kind as Measure, field, x, y), direction as Direction, of(a.rows), of(b.rows));
  }

  #holds(dataset: DatasetModel, having: Input, rows: readonly Row[]): boolean | null {
    return and(
      Object.entries(having).map(([name, given]) => {
        if (name === 'and') return and((given as Input[]).map((inner) => this.#holds(dataset, inner, rows)));
        if (name === 'or') return or((given as Input[]).map((inner) => this.#holds(dataset, inner, rows)));
        if (name === 'not') return not(this.#holds(dataset, given as Input, rows));
        if (name === 'count') return all(given as Input, (operator, value) => operates({ type: 'bigint', list: false }, operator, BigInt(rows.length), value));
        return all(given as Input, (fieldName, operators) => {
          const field = fieldNamed(dataset, fieldName);
          const value = measure(name as Measure, field, cellsOf(rows, field));
          return all(operators as Input, (operator, wanted) => compared(name as Measure, field, value, operator, wanted));
        });
      }),
    );
  }

  #visitHaving(dataset: DatasetModel, having: Input, visitor: Visitor): void {
    for (const [name, given] of Object.entries(having)) {
      if (name === 'and' || name === 'or') for (const inner of given as Input[]) this.#visitHaving(dataset, inner, visitor);
      else if (name === 'not') this.#visitHaving(dataset, given as Input, visitor);
      else if (name !== 'count')
        for (const [field, operators] of Object.entries(given as Input)) {
          if (Object.keys(operators as Input).length > 0) visitor.field(dataset, fieldNamed(dataset, field).name);
        }
    }
  }
}

const ASCENDING: Direction = { descending: false, nullsFirst: false };

function all(given: Input, test: (key: string, value: unknown) => boolean | null): boolean | null {
  return and(Object.entries(given).map(([key, value]) => test(key, value)));
}

/** Averages are compared with numbers that they are not near to: see the arguments that are generated. */
function compared(name: Measure, field: FieldModel, value: Cell | Near, operator: string, wanted: unknown): boolean | null {
  if (operator === 'isNull' || value === null) return operates({ type: 'text', list: false }, operator, value === null ? null : '', wanted);
  if (!(value instanceof Near)) return operates({ type: comparedType(name, field), list: false }, operator, comparable(name, field, value), wanted);
  const order = compareMeasures(name, field, value, String(wanted));
  return operator === 'gt' || operator === 'gte' ? order > 0 : order < 0;
}

function comparable(name: Measure, field: FieldModel, value: Cell): Cell {
  return comparedType(name, field) === 'decimal' ? textOf(value) : value;
}

function same(key: Key, a: Cell, b: Cell): boolean {
  return a === null || b === null ? a === b : compare(key.field.type, a, b) === 0;
}

function cellsOf(rows: readonly Row[], field: FieldModel): Cell[] {
  return rows.map((row) => cellOf(row, field.name));
}

function fieldNamed(dataset: DatasetModel, graphqlName: string | undefined): FieldModel {
  const field = dataset.fields.find((candidate) => candidate.graphqlName === graphqlName);
  if (!field) throw new Error(`${dataset.name} has no ${graphqlName}`);
  return field;
}

function isDirection(value: unknown): value is Direction {
  return typeof value === 'object' && value !== null && 'descending' in value && typeof value.descending === 'boolean';
}
