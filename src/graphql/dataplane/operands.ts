import type { FieldOperator, Slot } from '../../access/index.js';
import { columnType, type Field } from '../../catalog/index.js';
import { HeadgateError } from '../../kernel/index.js';
import { asList, asText } from './given.js';
import type { RequestShape } from './request-shape.js';

/** How many values a list may have: a bound of what one statement should carry. */
const LONGEST_LIST = 10_000;

const LIST_OPERATORS: ReadonlySet<FieldOperator> = new Set(['in', 'notIn', 'inInsensitive', 'containedBy', 'overlaps']);

/** What an operator compares with: values of the request, of the field's type. @throws HeadgateError BAD_USER_INPUT, QUERY_TOO_COMPLEX */
export function parseOperands(
  field: Pick<Field, 'type' | 'list'>,
  operator: FieldOperator,
  value: unknown,
  path: string,
  shape: RequestShape,
): readonly Slot[] {
  const type = columnType({ type: field.type, list: false });
  const slot = (given: unknown, as: string): Slot => ({ slot: shape.slot(given), type: as });
  if (operator === 'between') {
    const list = asList(value, path);
    if (list.length !== 2) throw new HeadgateError('BAD_USER_INPUT', `between takes two values, from and to; ${list.length} were given.`, { path });
    return list.map((bound) => slot(bound, type));
  }
  if (field.list || LIST_OPERATORS.has(operator)) return [slot(operandList(field.type, value, path), `${type}[]`)];
  if (operator === 'hasKey') return [slot(value, 'text')];
  if (field.type === 'json') return [slot(JSON.stringify(value), 'jsonb')];
  if (operator === 'like' || operator === 'likeInsensitive') refuseOpenEscape(asText(value, path), path);
  if (operator === 'matches' || operator === 'matchesInsensitive') notePattern(asText(value, path), path, shape);
  return [slot(value, type)];
}

/** To compile a regular expression can take longer than to run it. */
const LONGEST_PATTERN = 1_000;
const MOST_PATTERNS = 20;

function notePattern(pattern: string, path: string, { patterns }: RequestShape): void {
  if (pattern.length > LONGEST_PATTERN) {
    throw new HeadgateError('QUERY_TOO_COMPLEX', `A regular expression may have ${LONGEST_PATTERN} characters; ${pattern.length} were given.`, {
      path,
      limit: LONGEST_PATTERN,
    });
  }
  if (patterns.length >= MOST_PATTERNS)
    throw new HeadgateError('QUERY_TOO_COMPLEX', `A filter may hold ${MOST_PATTERNS} regular expressions.`, { path, limit: MOST_PATTERNS });
  patterns.push(pattern);
}

/** @throws HeadgateError QUERY_TOO_COMPLEX for a list that is too long */
export function operandList(type: Field['type'], value: unknown, path: string): unknown[] {
  const list = asList(value, path);
  if (list.length > LONGEST_LIST)
    throw new HeadgateError('QUERY_TOO_COMPLEX', `A list in a filter may hold ${LONGEST_LIST} values; ${list.length} were given.`, { path });
  return type === 'json' ? list.map((element) => JSON.stringify(element)) : list;
}

/** PostgreSQL refuses such a pattern, and only once it has a row to try it on. */
function refuseOpenEscape(pattern: string, path: string): void {
  const tail = /\\*$/.exec(pattern)?.[0].length ?? 0;
  if (tail % 2 === 1) throw new HeadgateError('BAD_USER_INPUT', 'The pattern ends with a single backslash; write two for one that is meant.', { path });
}
