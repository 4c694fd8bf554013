import fc, { type Arbitrary } from 'fast-check';
import type { ScalarType } from '../../../src/catalog/index.js';
import type { InputNode } from './documents.js';
import { type Cell, textOf } from './model.js';
import { keySample, SAMPLES } from './samples.js';
import { isInfinite } from './scalars.js';

export const SCALAR_NAMES: Readonly<Record<ScalarType, string>> = {
  text: 'String',
  integer: 'Int',
  bigint: 'BigInt',
  decimal: 'Decimal',
  float: 'Float',
  boolean: 'Boolean',
  date: 'Date',
  timestamp: 'DateTime',
  time: 'Time',
  uuid: 'UUID',
  json: 'JSON',
};

const as = fc.constantFrom('literal', 'literal', 'literal', 'variable') satisfies Arbitrary<InputNode['as']>;

export function leaf(type: string, value: Arbitrary<unknown>): Arbitrary<InputNode> {
  return fc.record({ kind: fc.constant('leaf' as const), type: fc.constant(type), value, as });
}

/** A condition whose variable has no value is not there. */
export function maybeAbsent(node: Arbitrary<InputNode>): Arbitrary<InputNode> {
  return fc.oneof({ weight: 30, arbitrary: node }, { weight: 1, arbitrary: node.map((given): InputNode => ({ ...given, as: 'absent' })) });
}

export function enumOf(type: string, names: readonly [string, ...string[]]): Arbitrary<InputNode> {
  return fc.record({ kind: fc.constant('enum' as const), type: fc.constant(type), name: fc.constantFrom(...names), as });
}

export function object(type: string, entries: Arbitrary<readonly (readonly [string, InputNode])[]>): Arbitrary<InputNode> {
  return fc.record({ kind: fc.constant('object' as const), type: fc.constant(type), entries, as: mostlyWritten });
}

export function list(type: string, items: Arbitrary<readonly InputNode[]>): Arbitrary<InputNode> {
  return fc.record({ kind: fc.constant('list' as const), type: fc.constant(`[${type}!]`), items, as: mostlyWritten });
}

const mostlyWritten = fc.constantFrom(...Array.from({ length: 9 }, () => 'literal' as const), 'variable' as const);

export const direction = enumOf('SortDirection', ['ASC', 'DESC', 'ASC_NULLS_FIRST', 'ASC_NULLS_LAST', 'DESC_NULLS_FIRST', 'DESC_NULLS_LAST']);

/** A cell as an argument; none for what arguments can't say. */
export function givenAs(type: ScalarType, cell: Cell): unknown[] {
  switch (type) {
    case 'bigint':
      return [textOf(cell)];
    case 'decimal':
      return /^-?\d/.test(cell as string) ? [cell] : [];
    case 'float':
      return Number.isFinite(cell) ? [cell] : [];
    case 'date':
      return isInfinite(cell) ? [] : [cell];
    case 'timestamp':
      return isInfinite(cell) ? [] : [`${cell as string}Z`, ...offset(cell as string)];
    case 'uuid':
      return [cell, (cell as string).toUpperCase()];
    default:
      return [cell];
  }
}

/** The same moment somewhere else. */
function offset(cell: string): string[] {
  const there = new Date(Date.parse(`${cell.slice(0, 19)}Z`) + 2 * 3_600_000).toISOString().slice(0, 19);
  return [`${there}${cell.slice(19)}+02:00`];
}

const PARTS_OF_TEXT = ['a', 'b', 'A', 'ä', 'ß', 'SS', '%', '\\', '"', "'", '😀', ' ', ''];

/** Values to compare a field of the type with: those that it has, mostly. */
export function operandOf(type: ScalarType): Arbitrary<unknown> {
  const keys = type === 'boolean' || type === 'json' || type === 'float' || type === 'time' ? [] : Array.from({ length: 8 }, (_, i) => keySample(type, i));
  const [first, ...others] = [...SAMPLES[type], ...keys, ...(type === 'text' ? PARTS_OF_TEXT : [])].flatMap((cell) => givenAs(type, cell));
  return fc.constantFrom(first, ...others);
}

/** Undefined when there is none. */
export function oneOf<T>(values: readonly T[]): Arbitrary<T> | undefined {
  return values.length === 0 ? undefined : fc.constantFrom(...values);
}
