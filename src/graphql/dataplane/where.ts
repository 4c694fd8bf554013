import type { Dataset, Field } from '../../catalog/index.js';
import { FIELD_OPERATORS, type Condition, type FieldOperator } from '../../access/index.js';
import { HeadgateError } from '../../kernel/index.js';
import { asInput, asList, nullGiven, type Input } from './given.js';
import { jsonPathCondition } from './json-path.js';
import { parseOperands } from './operands.js';
import type { RequestShape } from './request-shape.js';

/** How deep filters may nest, and how many conditions they may have: bounds of what one statement should carry. */
const DEEPEST = 20;
const MOST_CONDITIONS = 1_000;

const OPERATORS: ReadonlySet<string> = new Set(FIELD_OPERATORS);

/** Turns a coerced `where` into a condition. A null where a condition is expected is refused rather than ignored. */
export function parseWhere(input: unknown, dataset: Dataset, datasets: ReadonlyMap<string, Dataset>, shape: RequestShape): Condition {
  return new WhereParser(datasets, shape).where(input, dataset, 'where', 0);
}

class WhereParser {
  readonly #datasets: ReadonlyMap<string, Dataset>;
  readonly #shape: RequestShape;
  #conditions = 0;

  constructor(datasets: ReadonlyMap<string, Dataset>, shape: RequestShape) {
    this.#datasets = datasets;
    this.#shape = shape;
  }

  where(value: unknown, dataset: Dataset, path: string, depth: number): Condition {
    if (depth > DEEPEST) throw new HeadgateError('QUERY_TOO_COMPLEX', `\`where\` nests deeper than ${DEEPEST} levels.`, { path });
    const input = asInput(value, path);
    this.#count();
    this.#shape.note('{');
    const conditions = Object.entries(input).map(([name, inner]) => {
      this.#shape.note(name);
      return this.#member(name, inner, dataset, `${path}.${name}`, depth);
    });
    this.#shape.note('}');
    const [only, ...others] = conditions;
    return only && others.length === 0 ? only : { kind: 'and', conditions };
  }

  #member(name: string, value: unknown, dataset: Dataset, path: string, depth: number): Condition {
    if (name === 'and' || name === 'or') {
      const list = asList(value, path);
      return { kind: name, conditions: list.map((inner, i) => this.where(inner, dataset, `${path}[${i}]`, depth + 1)) };
    }
    if (name === 'not') return { kind: 'not', condition: this.where(value, dataset, path, depth + 1) };
    const field = dataset.fields.find((candidate) => candidate.graphqlName === name);
    if (field) return this.#field(field, asInput(value, path), path);
    const relation = dataset.relations.find((candidate) => candidate.graphqlName === name);
    const target = relation && this.#datasets.get(relation.to);
    if (!relation || !target) throw new HeadgateError('BAD_USER_INPUT', `${dataset.name} has no field ${name}.`, { path });
    this.#shape.datasets.add(target);
    if (!relation.many) return { kind: 'related', quantifier: 'is', relation, target, condition: this.where(value, target, path, depth + 1) };
    this.#shape.note('(');
    const conditions = Object.entries(asInput(value, path)).map(([quantifier, inner]): Condition => {
      this.#shape.note(quantifier);
      const condition = this.where(inner, target, `${path}.${quantifier}`, depth + 1);
      return { kind: 'related', quantifier: quantifier as 'some' | 'every' | 'none', relation, target, condition };
    });
    this.#shape.note(')');
    return { kind: 'and', conditions };
  }

  #field(field: Field, input: Input, path: string): Condition {
    this.#shape.note('(');
    const conditions = Object.entries(input).map(([operator, value]) => {
      this.#shape.note(operator);
      return this.#operator(field, operator, value, `${path}.${operator}`);
    });
    this.#shape.note(')');
    const [only, ...others] = conditions;
    return only && others.length === 0 ? only : { kind: 'and', conditions };
  }

  #operator(field: Field, operator: string, value: unknown, path: string): Condition {
    if (value === null) throw nullGiven(path);
    this.#count();
    if (operator === 'path' && field.type === 'json') return jsonPathCondition(field, asInput(value, path), path, this.#shape);
    if (operator === 'isNull') {
      this.#shape.note(value === true ? 'null' : 'not null');
      return { kind: 'isNull', field, isNull: value === true };
    }
    if (!OPERATORS.has(operator)) throw new HeadgateError('BAD_USER_INPUT', `There is no operator ${operator}.`, { path });
    return { kind: 'field', field, operator: operator as FieldOperator, operands: parseOperands(field, operator as FieldOperator, value, path, this.#shape) };
  }

  #count(): void {
    this.#conditions += 1;
    if (this.#conditions > MOST_CONDITIONS)
      throw new HeadgateError('QUERY_TOO_COMPLEX', `\`where\` has more than ${MOST_CONDITIONS} conditions. To compare a field with many values, use \`in\`.`);
  }
}
