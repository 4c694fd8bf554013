import type { GeneratorValue } from 'fast-check';
import fc from 'fast-check';
import { cellOf, type DatasetModel, type FieldModel, type RowFilter } from './model.js';
import { SAMPLES } from './samples.js';
import { compare, literalText, same } from './scalars.js';

export const not = (value: boolean | null): boolean | null => (value === null ? null : !value);
export const and = (values: readonly (boolean | null)[]): boolean | null => (values.includes(false) ? false : values.includes(null) ? null : true);
export const or = (values: readonly (boolean | null)[]): boolean | null => (values.includes(true) ? true : values.includes(null) ? null : false);

/** On one or two fields, with claims now and then. */
export function drawRowFilter(g: GeneratorValue, dataset: DatasetModel): RowFilter {
  const usable = dataset.fields.filter((field) => !field.list && field.type !== 'json');
  const first = drawTerm(g, g(fc.constantFrom, ...usable));
  const form = g(fc.constantFrom, 'one', 'one', 'one', 'and', 'or', 'not');
  if (form === 'one') return first;
  if (form === 'not') return { ...first, sql: `NOT (${first.sql})`, holds: (cells, claims) => not(first.holds(cells, claims)) };
  const second = drawTerm(g, g(fc.constantFrom, ...usable));
  return form === 'and' ? joined(first, 'AND', second, (a, b) => and([a, b])) : joined(first, 'OR', second, (a, b) => or([a, b]));
}

function joined(a: RowFilter, word: string, b: RowFilter, combine: (x: boolean | null, y: boolean | null) => boolean | null): RowFilter {
  return {
    sql: `(${a.sql}) ${word} (${b.sql})`,
    fields: [...new Set([...a.fields, ...b.fields])],
    holds: (cells, claims) => combine(a.holds(cells, claims), b.holds(cells, claims)),
  };
}

function drawTerm(g: GeneratorValue, field: FieldModel): RowFilter {
  const fields = [field.name];
  const kind = g(fc.constantFrom, 'compare', 'compare', 'null', ...(field.type === 'text' ? (['claim', 'claim'] as const) : []));
  if (kind === 'null') {
    const isNull = g(fc.boolean);
    return { sql: `${field.name} IS ${isNull ? '' : 'NOT '}NULL`, fields, holds: (cells) => (cellOf({ cells }, field.name) === null) === isNull };
  }
  if (kind === 'claim') {
    const claim = g(fc.constantFrom, 'text', 'text', 'missing', 'list');
    return {
      sql: `${field.name} = claim('${claim}')`,
      fields,
      holds: (cells, claims) => {
        const [cell, given] = [cellOf({ cells }, field.name), claims[claim]];
        return cell === null || typeof given !== 'string' ? null : cell === given;
      },
    };
  }
  const value = g(fc.constantFrom, ...SAMPLES[field.type]);
  const operator = g(fc.constantFrom, '=', '<>', '<=', '>');
  const text = (literalText(field, value) ?? '').replaceAll("'", "''");
  return {
    sql: `${field.name} ${operator} '${text}'`,
    fields,
    holds: (cells) => {
      const cell = cellOf({ cells }, field.name);
      if (cell === null) return null;
      if (operator === '=') return same(field.type, cell, value);
      if (operator === '<>') return !same(field.type, cell, value);
      return operator === '>' ? compare(field.type, cell, value) > 0 : compare(field.type, cell, value) <= 0;
    },
  };
}
