import type { Dataset } from '../catalog/index.js';
import type { AggregateDecision, CellCase, DatasetDecision } from './decision.js';
import { EVERY_ROW } from './decide.js';
import { closedness } from './effects.js';
import { effectText } from './explain.js';
import type { Expression } from '../sql/index.js';
import type { Effect } from './grant.js';
import type { Policy } from './policy.js';

/** What somebody sees of a field, in one form for one meaning. */
export interface CellView {
  /** Some cell can be seen. */
  readonly seen: boolean;
  /** Some cell is seen as it is. */
  readonly plain: boolean;
  /** "nothing", "allow", "email where country = 'DE', else hash, in rows where ..." */
  readonly text: string;
  /** What becomes of the cells, without the conditions on rows. */
  readonly cells: string;
  /** The conditions on rows; empty for all rows. */
  readonly rows: string;
  /** How closed the openest and the most closed of its cells are. */
  readonly openest: number;
  readonly mostClosed: number;
}

const DENY: Effect = { kind: 'deny' };
export const NOTHING: CellView = { seen: false, plain: false, text: 'nothing', cells: '', rows: '', openest: closedness(DENY), mostClosed: closedness(DENY) };

/** Whether the one who asks may know of a field, or of a dataset. */
export type Knows = (dataset: string, field?: string) => boolean;

/**
 * The texts of the row filters of policies' grants, by what was made of them. One that names a field which the one who asks
 * may not know of is told apart from others, and not spelled out.
 */
export function filterTexts(policies: readonly Policy[], knows: Knows = () => true): ReadonlyMap<Expression, string> {
  const texts = new Map<Expression, string>();
  const unknown = new Map<string, number>();
  for (const [dataset, grants] of policies.flatMap(({ grantsOn }) => [...grantsOn])) {
    for (const { rows, spec } of grants) {
      if (!rows || spec.rows === undefined) continue;
      if (rows.columns.every((column) => knows(dataset, column))) texts.set(rows, spec.rows);
      else {
        const number = unknown.get(spec.rows) ?? unknown.size + 1;
        unknown.set(spec.rows, number);
        texts.set(rows, `a condition on fields that you may not know of (${number})`);
      }
    }
  }
  return texts;
}

export function cellView(decision: DatasetDecision, field: string, texts: ReadonlyMap<Expression, string>): CellView {
  const seen = decision.fields.get(field);
  if (decision.aggregate) return numbersView(decision.aggregate, decision.dataset, field, texts);
  if (decision.rows === 'none' || seen === undefined || seen.access === 'forbidden') return NOTHING;
  const cases: readonly CellCase[] = seen.access === 'plain' ? [{ when: 'always', effect: { kind: 'allow' } }] : seen.cases;
  const either = (filters: readonly Expression[]) => filters.map((filter) => texts.get(filter) ?? 'a condition').join(' or ');
  const granted = decision.rows === 'all' || decision.rows.includes(EVERY_ROW) ? [] : [either(decision.rows)];
  const rows = [
    ...granted,
    ...(decision.consent ? [`${subjectText(decision.dataset) ?? 'the subject'} has consented to ${decision.consent.purpose}`] : []),
  ].join(', and ');
  const cells = cases.map(({ when, effect }, i) => {
    if (when !== 'always') return `${effectText(effect)} where ${either(when)}`;
    return i === 0 ? effectText(effect) : `else ${effectText(effect)}`;
  });
  // What no case covers is null.
  const levels = [...cases.map(({ effect }) => closedness(effect)), ...(cases.at(-1)?.when === 'always' ? [] : [closedness(DENY)])];
  return {
    seen: true,
    plain: cases.some(({ effect }) => effect.kind === 'allow'),
    cells: cells.join(', '),
    text: `${cells.join(', ')}${rows === '' ? '' : `, in rows where ${rows}`}`,
    rows,
    openest: Math.min(...levels),
    mostClosed: Math.max(...levels),
  };
}

/** No cell is seen, and something is told: nearly as closed as can be. Of two such views neither is known to be the more closed. */
function numbersView(
  { dimensions, measures, minGroup, rows }: AggregateDecision,
  dataset: Dataset,
  field: string,
  texts: ReadonlyMap<Expression, string>,
): CellView {
  const isDimension = dimensions.includes(field);
  if (!isDimension && !measures.includes(field)) return NOTHING;
  const filter = rows === 'all' ? '' : rows.map((one) => texts.get(one) ?? 'a condition').join(' or ');
  const text = `aggregateOnly (${isDimension ? 'dimension' : 'measure'}, ${minGroup} ${countedText(dataset)} with equal ${dimensions.join(', ')})`;
  return {
    seen: true,
    plain: false,
    cells: text,
    text: filter === '' ? text : `${text}, in rows where ${filter}`,
    rows: filter,
    openest: NOTHING.openest - 0.5,
    mostClosed: NOTHING.mostClosed,
  };
}

/** What a group must have enough of. */
function countedText(dataset: Dataset): string {
  if (dataset.subject === undefined) return 'rows';
  const subject = subjectText(dataset);
  return subject === undefined ? 'different subjects' : `different values of ${subject}`;
}

/** The field that says whom a row is about, where its name is no secret. */
function subjectText({ fields, subject }: Dataset): string | undefined {
  return fields.find(({ name }) => name === subject)?.visibility === 'listed' ? subject : undefined;
}
