import type { Condition, JsonPathOperator } from '../../access/index.js';
import type { Field } from '../../catalog/index.js';
import { HeadgateError } from '../../kernel/index.js';
import { asList, nullGiven, type Input } from './given.js';
import { operandList } from './operands.js';
import type { RequestShape } from './request-shape.js';

/** A path may have so many steps. */
const LONGEST_PATH = 50;

const SIZES: ReadonlySet<string> = new Set(['lt', 'lte', 'gt', 'gte']);

/** `{ path: ["bags", "0"], eq: 2 }`: conditions on what stands at one place inside a JSON value. @throws HeadgateError BAD_USER_INPUT */
export function jsonPathCondition(field: Field, input: Input, at: string, shape: RequestShape): Condition {
  const { path, ...operators } = input;
  const steps = asList(path, `${at}.path`);
  if (steps.length === 0 || steps.length > LONGEST_PATH)
    throw new HeadgateError('BAD_USER_INPUT', `A path has 1 to ${LONGEST_PATH} steps; ${steps.length} were given.`, { path: `${at}.path` });
  shape.note('(');
  const slot = { slot: shape.slot(steps), type: 'text[]' };
  const conditions = Object.entries(operators).map(([operator, value]): Condition => {
    const place = `${at}.${operator}`;
    if (value === null) throw nullGiven(place);
    shape.note(operator);
    if (operator === 'isNull') {
      shape.note(value === true ? 'null' : 'not null');
      return { kind: 'jsonPath', field, path: slot, operator: value === true ? 'isNull' : 'isNotNull' };
    }
    const base = { kind: 'jsonPath', field, path: slot, operator: operator as JsonPathOperator } as const;
    if (operator === 'in') return { ...base, operand: { slot: shape.slot(operandList('json', value, place)), type: 'jsonb[]' } };
    if (!SIZES.has(operator)) return { ...base, operand: { slot: shape.slot(jsonText(value)), type: 'jsonb' } };
    const comparand = comparandOf(value, place);
    shape.note(comparand);
    return {
      ...base,
      comparand,
      operand: comparand === 'text' ? { slot: shape.slot(value), type: 'text' } : { slot: shape.slot(jsonText(value)), type: 'jsonb' },
    };
  });
  shape.note(')');
  return { kind: 'and', conditions };
}

/** A variable that stands for any JSON has no one text: such a request is read anew each time. */
function jsonText(value: unknown): string {
  const text: unknown = JSON.stringify(value);
  if (typeof text !== 'string') throw new HeadgateError('BAD_USER_INPUT', 'A JSON value was expected.');
  return text;
}

function comparandOf(value: unknown, path: string): 'number' | 'text' {
  if (typeof value === 'number') return 'number';
  if (typeof value === 'string') return 'text';
  throw new HeadgateError('BAD_USER_INPUT', `${path}: numbers and texts can be less or greater; compare others with eq, ne or in.`, { path });
}
