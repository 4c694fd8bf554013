import type { Dataset, ScalarType } from '../catalog/index.js';
import type { RowTest } from '../sources/index.js';

/** Types of which equal values are written alike, once they are as below. */
const WRITTEN_ALIKE: ReadonlySet<ScalarType> = new Set(['text', 'integer', 'bigint', 'boolean', 'date', 'uuid']);

/**
 * Tests of which there is one for each field and operator: values that all of them allow. An API is asked once for each, so of tests that
 * can't be put together the first is kept. The others are tried on what comes.
 */
export function joinedTests(tests: readonly RowTest[], { fields }: Pick<Dataset, 'fields'>): RowTest[] {
  const joined = new Map<string, RowTest>();
  for (const test of tests) {
    const id = `${test.field} ${test.operator}`;
    const before = joined.get(id);
    if (!before) joined.set(id, test);
    const type = fields.find(({ name }) => name === test.field)?.type;
    if (!before || test.operator !== 'in' || type === undefined || !WRITTEN_ALIKE.has(type)) continue;
    const allowed = new Set(test.values.map((value) => canonical(value, type)));
    joined.set(id, { ...before, values: before.values.filter((value) => allowed.has(canonical(value, type))) });
  }
  return [...joined.values()];
}

function canonical(value: string, type: ScalarType): string {
  return type === 'integer' || type === 'bigint' ? BigInt(value).toString() : value;
}
