import type { Cell, FieldModel } from './model.js';
import { compare, operand, same } from './scalars.js';
import { contains as jsonContains, hasKey } from './json-values.js';
import { or } from './row-filters.js';

type Type = Pick<FieldModel, 'type' | 'list'>;

/** Lower case letter by letter, whatever stands beside it, as PostgreSQL has it without a language. */
function folded(text: string): string {
  return Array.from(text, (character) => {
    const lower = character.toLowerCase();
    return Array.from(lower).length === 1 ? lower : character;
  }).join('');
}

/** An operator of a filter on a value as it is seen; null is unknown. docs/querying.md has what each means. */
export function operates(field: Type, operator: string, cell: Cell, given: unknown): boolean | null {
  if (operator === 'isNull') return (cell === null) === given;
  // One of none, and none of none, whatever it is.
  if (operator === 'in' || operator === 'inInsensitive' || operator === 'notIn') {
    if ((given as unknown[]).length === 0) return operator === 'notIn';
  }
  if (cell === null) return null;
  if (field.list) return onList(field, operator, cell as Cell[], given);
  if (field.type === 'json') return operator === 'contains' ? jsonContains(cell, given) : hasKey(cell, given as string);
  const { type } = field;
  const one = (): Cell => operand(type, given);
  const many = (): Cell[] => (given as unknown[]).map((element) => operand(type, element));
  switch (operator) {
    case 'eq':
      return same(type, cell, one());
    case 'ne':
      return !same(type, cell, one());
    case 'in':
      return many().some((element) => same(type, cell, element));
    case 'notIn':
      return many().every((element) => !same(type, cell, element));
    case 'lt':
      return compare(type, cell, one()) < 0;
    case 'lte':
      return compare(type, cell, one()) <= 0;
    case 'gt':
      return compare(type, cell, one()) > 0;
    case 'gte':
      return compare(type, cell, one()) >= 0;
    case 'between': {
      const [from = null, to = null] = many();
      return compare(type, cell, from) >= 0 && compare(type, cell, to) <= 0;
    }
    default:
      return onText(operator, cell as string, given);
  }
}

function onText(operator: string, text: string, given: unknown): boolean {
  if (operator === 'inInsensitive') return (given as string[]).some((element) => folded(element) === folded(text));
  const value = given as string;
  if (operator === 'matches') return new RegExp(value, 'su').test(text);
  if (operator === 'matchesInsensitive') return new RegExp(value, 'sui').test(text);
  if (operator.endsWith('Insensitive')) return onText(operator.slice(0, -'Insensitive'.length), folded(text), folded(value));
  switch (operator) {
    case 'eq':
      return text === value;
    case 'contains':
      return text.includes(value);
    case 'startsWith':
      return text.startsWith(value);
    case 'endsWith':
      return text.endsWith(value);
    case 'like':
      return like(Array.from(text), Array.from(value));
    default:
      throw new Error(`no operator ${operator}`);
  }
}

function like(text: readonly string[], pattern: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return text.length === 0;
  if (first === '%') return like(text, rest) || (text.length > 0 && like(text.slice(1), pattern));
  const [wanted, after] = first === '\\' ? [rest[0], rest.slice(1)] : [first, rest];
  if (text.length === 0) return false;
  return (text[0] === wanted || (first === '_' && wanted === '_')) && like(text.slice(1), after);
}

/** Nulls inside of a list are equal to nothing. */
function onList({ type }: Type, operator: string, cell: readonly Cell[], given: unknown): boolean {
  const asked = (given as unknown[]).map((element) => operand(type, element));
  const isIn = (list: readonly Cell[], value: Cell): boolean =>
    value !== null && or(list.map((element) => element !== null && equal(type, element, value))) === true;
  switch (operator) {
    case 'contains':
      return asked.every((element) => isIn(cell, element));
    case 'containedBy':
      return cell.every((element) => isIn(asked, element));
    case 'overlaps':
      return asked.some((element) => isIn(cell, element));
    default:
      throw new Error(`no operator ${operator} on lists`);
  }
}

function equal(type: Type['type'], a: Cell, b: Cell): boolean {
  return type === 'json' ? jsonContains(a, b) && jsonContains(b, a) : same(type, a, b);
}
