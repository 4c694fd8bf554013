import { FIELD_OPERATORS, measureType, type FieldOperator, type Having, type MeasureFunction, type Quantity } from '../../access/index.js';
import type { Dataset, Field } from '../../catalog/index.js';
import { HeadgateError } from '../../kernel/index.js';
import { asInput, asList, nullGiven } from './given.js';
import { parseOperands } from './operands.js';
import type { RequestShape } from './request-shape.js';

/** As for `where`: bounds of what one statement should carry. */
const DEEPEST = 20;
const MOST_CONDITIONS = 1_000;

/** Turns a coerced `having` into a condition on groups. @throws HeadgateError BAD_USER_INPUT, QUERY_TOO_COMPLEX */
export function parseHaving(input: unknown, dataset: Dataset, shape: RequestShape): Having {
  return new HavingParser(dataset, shape).having(input, 'having', 0);
}

class HavingParser {
  readonly #dataset: Dataset;
  readonly #shape: RequestShape;
  #conditions = 0;

  constructor(dataset: Dataset, shape: RequestShape) {
    this.#dataset = dataset;
    this.#shape = shape;
  }

  having(value: unknown, path: string, depth: number): Having {
    if (depth > DEEPEST) throw new HeadgateError('QUERY_TOO_COMPLEX', `\`having\` nests deeper than ${DEEPEST} levels.`, { path });
    const input = asInput(value, path);
    this.#count();
    this.#shape.note('{');
    const conditions = Object.entries(input).map(([name, inner]) => {
      this.#shape.note(name);
      return this.#member(name, inner, `${path}.${name}`, depth);
    });
    this.#shape.note('}');
    return { kind: 'and', conditions };
  }

  #member(name: string, value: unknown, path: string, depth: number): Having {
    if (name === 'and' || name === 'or') {
      return { kind: name, conditions: asList(value, path).map((inner, i) => this.having(inner, `${path}[${i}]`, depth + 1)) };
    }
    if (name === 'not') return { kind: 'not', condition: this.having(value, path, depth + 1) };
    if (name === 'count') return this.#quantity({ kind: 'count' }, { type: 'bigint', list: false }, value, path);
    const conditions = Object.entries(asInput(value, path)).map(([fieldName, inner]) => {
      this.#shape.note(fieldName);
      const field = this.#dataset.fields.find((candidate) => candidate.graphqlName === fieldName);
      const type = field && measureType(name as MeasureFunction, field);
      if (!field || !type) throw new HeadgateError('BAD_USER_INPUT', `There is no ${name} of ${fieldName}.`, { path });
      // A sum of 64-bit numbers can be larger than one: it is compared as a decimal.
      const result = type === 'bigint' ? 'decimal' : type;
      return this.#quantity({ kind: 'measure', measure: name as MeasureFunction, field }, { type: result, list: false }, inner, `${path}.${fieldName}`);
    });
    return { kind: 'and', conditions };
  }

  #quantity(quantity: Quantity, as: Pick<Field, 'type' | 'list'>, value: unknown, path: string): Having {
    this.#shape.note('(');
    const conditions = Object.entries(asInput(value, path)).map(([operator, inner]): Having => {
      const at = `${path}.${operator}`;
      if (inner === null) throw nullGiven(at);
      this.#count();
      this.#shape.note(operator);
      if (operator === 'isNull') {
        this.#shape.note(inner === true ? 'null' : 'not null');
        return { kind: 'isNull', quantity, isNull: inner === true };
      }
      if (!(FIELD_OPERATORS as readonly string[]).includes(operator))
        throw new HeadgateError('BAD_USER_INPUT', `There is no operator ${operator}.`, { path: at });
      return { kind: 'compare', quantity, operator: operator as FieldOperator, operands: parseOperands(as, operator as FieldOperator, inner, at, this.#shape) };
    });
    this.#shape.note(')');
    return { kind: 'and', conditions };
  }

  #count(): void {
    this.#conditions += 1;
    if (this.#conditions > MOST_CONDITIONS) throw new HeadgateError('QUERY_TOO_COMPLEX', `\`having\` has more than ${MOST_CONDITIONS} conditions.`);
  }
}
