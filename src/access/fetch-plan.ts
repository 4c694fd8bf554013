import type { Dataset, FetchedDataset } from '../catalog/index.js';
import type { DatasetDecision } from '../governance/index.js';
import type { Expression } from '../sql/index.js';
import type { Condition, FieldOperator } from './condition.js';
import { pageFetch, type PageFetch } from './fetch-page.js';
import type { FetchedShape } from './fetched-table.js';
import type { AwayPart, PlanPart } from './parts.js';
import type { Operand, PlannedTest } from './planned-test.js';

/** What each wanted row meets. */
export interface Necessary {
  readonly tests: readonly PlannedTest[];
  /** Nothing else is asked of a row. */
  readonly isWhole: boolean;
}

/** Which rows of a dataset are fetched for a part of a plan. */
export interface DatasetFetch {
  readonly shape: FetchedShape;
  /** What is necessary for a row to be seen at all; undefined when none is. */
  readonly granted: Necessary | undefined;
  /** What the reader asks for beside. */
  readonly asked: Necessary;
  /** Fields that the reader sees as they are, of which it may be told that there is a filter by them. */
  readonly told: ReadonlySet<string>;
  /** Where the first rows in the order of the key are enough. */
  readonly page?: PageFetch | undefined;
}

/** What a part of a plan needs of one API, before its statement runs in the store. */
export interface FetchPlan {
  readonly source: string;
  readonly datasets: readonly DatasetFetch[];
}

const UNKNOWN: Necessary = { tests: [], isWhole: false };
const EVERYTHING: Necessary = { tests: [], isWhole: true };

/** @param shapes of the datasets that the part's statement reads */
export function fetchPlan(
  source: string,
  shapes: readonly FetchedShape[],
  decisionOn: (dataset: Dataset) => DatasetDecision,
  part: PlanPart | AwayPart,
): FetchPlan {
  const datasets = shapes.map((shape): DatasetFetch => {
    const decision = decisionOn(shape.dataset);
    // Of a dataset that rows are filtered or ordered through, any row may matter.
    const isRoot = part.root.name === shape.dataset.name && ![...part.reached].some(({ name }) => name === shape.dataset.name);
    const fetch = governedFetch(shape, decision);
    return isRoot ? { ...fetch, asked: askedOf(part, decision), page: pageFetch(part, decision) } : fetch;
  });
  return { source, datasets };
}

/** All rows of a dataset that may be seen. */
export function governedFetch(shape: FetchedShape, decision: DatasetDecision): DatasetFetch {
  const plain = shape.dataset.fields.filter(({ name }) => isPlain(decision, name));
  return { shape, granted: grantedOf(shape.dataset, decision), asked: UNKNOWN, told: new Set(plain.map(({ name }) => name)) };
}

/** Rows in which any of the grants' conditions holds. */
function grantedOf(dataset: FetchedDataset, { rows, aggregate }: DatasetDecision): Necessary | undefined {
  const given = rows === 'none' ? aggregate?.rows : rows;
  if (given === undefined) return undefined;
  return given === 'all' ? EVERYTHING : anyOf(given.map((expression) => ofExpression(dataset, expression)));
}

function ofExpression({ fields }: FetchedDataset, { narrowing: { tests, isWhole } }: Expression): Necessary {
  const planned = tests.flatMap(({ column, operator, values }) => {
    const field = fields.find(({ name }) => name === column);
    return field ? [{ field, operator, operands: values }] : [];
  });
  return { tests: planned, isWhole };
}

/** What the filter, the key or the relation asks of each row. Over cells nothing is: they are made of all rows. */
function askedOf(part: PlanPart | AwayPart, decision: DatasetDecision): Necessary {
  if (decision.aggregate) return UNKNOWN;
  const { selection } = part;
  const all: Necessary[] = [];
  if ('from' in part && (selection.kind === 'one' || selection.kind === 'many')) {
    const byKey = selection.relation.on.map(({ remote }, i) => equal(part.root, remote, [{ keysAt: i }], decision));
    all.push(...byKey);
  }
  if (selection.kind === 'byKey' || selection.kind === 'byKeys') {
    all.push(...selection.key.map(({ field, value }) => equal(part.root, field.name, [{ slot: value.slot }], decision)));
  }
  const connection = selection.kind === 'connection' || selection.kind === 'many' ? selection.connection : undefined;
  if (connection?.where) all.push(ofCondition(connection.where, decision));
  return allOf(all);
}

function equal({ fields }: Dataset, name: string, operands: readonly Operand[], decision: DatasetDecision): Necessary {
  const field = fields.find((candidate) => candidate.name === name);
  // What is seen of it is compared, and that is another value.
  return field && isPlain(decision, name) ? { tests: [{ field, operator: 'in', operands }], isWhole: true } : UNKNOWN;
}

const OPERATORS: Readonly<Partial<Record<FieldOperator, PlannedTest['operator']>>> = { eq: 'in', in: 'in', lt: 'lt', lte: 'lte', gt: 'gt', gte: 'gte' };

function ofCondition(condition: Condition, decision: DatasetDecision): Necessary {
  if (condition.kind === 'and') return allOf(condition.conditions.map((inner) => ofCondition(inner, decision)));
  if (condition.kind === 'or') return anyOf(condition.conditions.map((inner) => ofCondition(inner, decision)));
  if (condition.kind !== 'field' || condition.field.list || !isPlain(decision, condition.field.name)) return UNKNOWN;
  const { field, operator, operands } = condition;
  const slots = operands.map(({ slot }) => ({ slot }));
  const [first, second] = slots;
  if (operator === 'between' && first && second) {
    return {
      tests: [
        { field, operator: 'gte', operands: [first] },
        { field, operator: 'lte', operands: [second] },
      ],
      isWhole: true,
    };
  }
  const known = OPERATORS[operator];
  return known && first ? { tests: [{ field, operator: known, operands: slots }], isWhole: true } : UNKNOWN;
}

function allOf(all: readonly Necessary[]): Necessary {
  return { tests: all.flatMap(({ tests }) => tests), isWhole: all.every(({ isWhole }) => isWhole) };
}

/** What each alternative says of a field's values, put together. */
function anyOf(all: readonly Necessary[]): Necessary {
  const [first, ...rest] = all;
  // Nothing is one of none: no row is wanted, which is not worth a case of its own.
  if (!first) return UNKNOWN;
  const tests = first.tests.flatMap(({ field, operator, operands }): PlannedTest[] => {
    const others = rest.map((other) => other.tests.find((test) => test.field.name === field.name && test.operator === 'in'));
    if (rest.length > 0 && (operator !== 'in' || others.includes(undefined))) return [];
    return [{ field, operator, operands: [...operands, ...others.flatMap((other) => other?.operands ?? [])] }];
  });
  const isWhole = rest.length === 0 ? first.isWhole : tests.length === 1 && all.every((each) => each.isWhole && each.tests.length === 1);
  return { tests, isWhole };
}

function isPlain(decision: DatasetDecision, name: string): boolean {
  return decision.fields.get(name)?.access === 'plain';
}
