import { isDeepStrictEqual } from 'node:util';
import type { DatasetSpec } from './dataset-spec.js';
import type { FieldShape } from './field-spec.js';
import { describeKeys } from './describe.js';

/** What a new contract changes, a line each: `field email: text, added`. */
export function describeDataset(before: DatasetSpec | undefined, after: DatasetSpec): string[] {
  const { fields, relations = [], ...rest } = after;
  const { fields: oldFields = [], relations: oldRelations = [], ...oldRest } = before ?? {};
  return [
    ...describeNamed('field', oldFields, fields, fieldText, describeField),
    ...describeNamed(
      'relation',
      oldRelations,
      relations,
      ({ to, many }) => `to ${many ? 'many of ' : ''}${to}`,
      () => 'changed',
    ),
    ...(before ? describeKeys(oldRest, rest) : after.key ? [`key: ${after.key.join(', ')}`] : []),
  ];
}

function describeNamed<T extends { readonly name: string }>(
  what: string,
  before: readonly T[],
  after: readonly T[],
  text: (item: T) => string,
  change: (before: T, after: T) => string,
): string[] {
  const old = new Map(before.map((item) => [item.name, item]));
  const kept = new Set(after.map(({ name }) => name));
  const lines = after.flatMap((item) => {
    const previous = old.get(item.name);
    if (!previous) return [`${what} ${item.name}: ${text(item)}, added`];
    return isDeepStrictEqual(previous, item) ? [] : [`${what} ${item.name}: ${change(previous, item)}`];
  });
  const gone = before.filter(({ name }) => !kept.has(name)).map(({ name }) => `${what} ${name}: removed`);
  const moved = lines.length === 0 && gone.length === 0 && !isDeepStrictEqual(before, after) ? [`${what}s: order changed`] : [];
  return [...lines, ...gone, ...moved];
}

function fieldText(field: FieldShape): string {
  return field.type + (field.encrypted ? ', encrypted' : '') + (field.required ? ', required' : '');
}

function describeField(before: FieldShape, after: FieldShape): string {
  const parts: string[] = [];
  if (before.type !== after.type) parts.push(`${before.type} -> ${after.type}`);
  if (before.required !== after.required) parts.push(after.required ? 'required' : 'optional');
  for (const key of ['description', 'deprecated', 'tags', 'visibility', 'shareable', 'format', 'column', 'encrypted', 'aliases', 'default', 'rules'] as const) {
    if (!isDeepStrictEqual(before[key], after[key])) parts.push(`${key} changed`);
  }
  return parts.join(', ');
}
