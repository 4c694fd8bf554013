import type { Dataset } from '../catalog/index.js';
import type { Principal } from '../identity/index.js';
import type { Expression } from '../sql/index.js';
import type { Authorizer } from './authorizer.js';
import { columnsOf } from './columns.js';
import type { DatasetDecision } from './decision.js';
import type { Effect } from './grant.js';
import { sqlMaskExpression } from './mask.js';

/** All rights by which values are seen. */
const READING = ['read', 'export', 'subscribe', 'detokenize'] as const;

/**
 * The fields by whose values it is decided which rows a principal sees, and how, for any of the purposes that it may declare: of row
 * filters, of masks that hold in some rows or read other fields, of consents, and of cells that numbers are made of. Who can change one
 * of them in a row that is hidden makes it one that is not. Empty for who sees nothing of the dataset, or all of it.
 */
export function decidingFields(authorizer: Authorizer, principal: Principal, dataset: Dataset): ReadonlySet<string> {
  const { purpose: _declared, ...undeclared } = principal;
  const asked: readonly Principal[] = [undeclared, ...new Set(principal.purposes)].map((purpose) =>
    typeof purpose === 'string' ? { ...undeclared, purpose } : undeclared,
  );
  const decisions = asked.flatMap((one) => READING.map((right) => authorizer.decide(one, dataset, right)));
  return decisions.some(hidesNothing) ? new Set() : new Set(decisions.flatMap(testedBy));
}

function hidesNothing({ rows, fields }: DatasetDecision): boolean {
  return rows === 'all' && [...fields.values()].every(({ access }) => access === 'plain');
}

function testedBy({ dataset, rows, fields, consent, aggregate }: DatasetDecision): readonly string[] {
  const cells = aggregate ? [...columnsIn(aggregate.rows), ...aggregate.dimensions, ...(dataset.subject === undefined ? [] : [dataset.subject])] : [];
  if (rows === 'none') return cells;
  const masked = [...fields].flatMap(([name, decision]) =>
    decision.access === 'masked' ? decision.cases.flatMap(({ when, effect }) => [...columnsIn(when), ...readBy(effect, name, dataset)]) : [],
  );
  return [...columnsIn(rows), ...masked, ...(consent?.subject === undefined ? [] : [consent.subject]), ...cells];
}

function columnsIn(conditions: 'all' | 'none' | 'always' | readonly Expression[]): readonly string[] {
  return typeof conditions === 'string' ? [] : conditions.flatMap(({ columns }) => columns);
}

/** Of its own field a mask may read what it likes: a patch of that one takes the place of what would be told. */
function readBy(effect: Effect, field: string, dataset: Dataset): readonly string[] {
  return effect.kind === 'sql' ? sqlMaskExpression(effect, columnsOf(dataset)).columns.filter((column) => column !== field) : [];
}
