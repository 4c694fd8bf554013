import { columnType, type Dataset, type Field } from '../../catalog/index.js';
import { FIELD_OPERATORS, type Condition, type FieldOperator, type Slot } from '../../access/index.js';
import { HeadgateError } from '../../kernel/index.js';
import type { RequestShape } from './request-shape.js';

/** How deep filters may nest, how many conditions they may have, and how many values a list: bounds of what one statement should carry. */
const DEEPEST = 20;
const MOST_CONDITIONS = 1_000;
const LONGEST_LIST = 10_000;

const OPERATORS: ReadonlySet<string> = new Set(FIELD_OPERATORS);
const LIST_OPERATORS: ReadonlySet<FieldOperator> = new Set(['in', 'notIn', 'inInsensitive', 'containedBy', 'overlaps']);

type Input = Readonly<Record<string, unknown>>;

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
    if (operator === 'isNull') {
      this.#shape.note(value === true ? 'null' : 'not null');
      return { kind: 'isNull', field, isNull: value === true };
    }
    if (!OPERATORS.has(operator)) throw new HeadgateError('BAD_USER_INPUT', `There is no operator ${operator}.`, { path });
    return { kind: 'field', field, operator: operator as FieldOperator, operands: this.#operands(field, operator as FieldOperator, value, path) };
  }

  #count(): void {
    this.#conditions += 1;
    if (this.#conditions > MOST_CONDITIONS)
      throw new HeadgateError('QUERY_TOO_COMPLEX', `\`where\` has more than ${MOST_CONDITIONS} conditions. To compare a field with many values, use \`in\`.`);
  }

  #operands(field: Field, operator: FieldOperator, value: unknown, path: string): readonly Slot[] {
    const type = columnType({ type: field.type, list: false });
    const slot = (given: unknown, as: string): Slot => ({ slot: this.#shape.slot(given), type: as });
    if (operator === 'between') {
      const list = asList(value, path);
      if (list.length !== 2) throw new HeadgateError('BAD_USER_INPUT', `between takes two values, from and to; ${list.length} were given.`, { path });
      return list.map((bound) => slot(bound, type));
    }
    if (field.list || LIST_OPERATORS.has(operator)) return [slot(this.#list(field, value, path), `${type}[]`)];
    if (operator === 'hasKey') return [slot(value, 'text')];
    if (field.type === 'json') return [slot(JSON.stringify(value), 'jsonb')];
    if (operator === 'like' || operator === 'likeInsensitive') refuseOpenEscape(asText(value, path), path);
    if (operator === 'matches' || operator === 'matchesInsensitive') this.#shape.patterns.push(asText(value, path));
    return [slot(value, type)];
  }

  #list(field: Field, value: unknown, path: string): unknown[] {
    const list = asList(value, path);
    if (list.length > LONGEST_LIST)
      throw new HeadgateError('QUERY_TOO_COMPLEX', `A list in a filter may hold ${LONGEST_LIST} values; ${list.length} were given.`, { path });
    return field.type === 'json' ? list.map((element) => JSON.stringify(element)) : list;
  }
}

function asInput(value: unknown, path: string): Input {
  if (value === null) throw nullGiven(path);
  if (typeof value !== 'object' || Array.isArray(value)) throw new HeadgateError('BAD_USER_INPUT', `${path}: expected an object.`, { path });
  return value as Input;
}

function asList(value: unknown, path: string): unknown[] {
  if (value === null) throw nullGiven(path);
  return Array.isArray(value) ? value : [value];
}

function asText(value: unknown, path: string): string {
  if (typeof value !== 'string') throw new HeadgateError('BAD_USER_INPUT', `${path}: expected a text.`, { path });
  return value;
}

function nullGiven(path: string): HeadgateError {
  return new HeadgateError('BAD_USER_INPUT', `${path} is null. To find rows without a value use { isNull: true }; to leave a condition out, leave it out.`, {
    path,
  });
}

/** PostgreSQL refuses such a pattern, and only once it has a row to try it on. */
function refuseOpenEscape(pattern: string, path: string): void {
  const tail = /\\*$/.exec(pattern)?.[0].length ?? 0;
  if (tail % 2 === 1) throw new HeadgateError('BAD_USER_INPUT', 'The pattern ends with a single backslash; write two for one that is meant.', { path });
}
