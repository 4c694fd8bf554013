import { fieldsByColumn, type Dataset } from '../../catalog/index.js';
import { hasRole } from '../../identity/index.js';
import { MESSAGE_RULE, type QuarantinedRowEntity, type ReasonKind } from '../../ingestion/index.js';
import type { RequestContext } from '../context.js';
import { OVERSEERS } from './rights.js';

type Asking = Pick<RequestContext, 'principal' | 'world'>;
type Raw = Readonly<Record<string, string | null>>;
type Reason = QuarantinedRowEntity['reasons'][number];

/** What of the rows of a file somebody may see, before a load gave them types or after it refused them. */
export interface Shown {
  /** The fields that they may know of, by each name that a column can have. */
  readonly known: ReadonlyMap<string, string>;
  readonly plain: ReadonlySet<string>;
  /** All fields that there are are plain to them, secret ones too. */
  readonly isAllPlain: boolean;
  /** Columns that no contract has, and nobody has classified, are for those who see all and keep the dataset. */
  readonly seesUnknown: boolean;
  /** Of fields and rules that they may know of; the value of a field is told by its reason, so that it must be plain, but to overseers. */
  readonly isTold: (reason: Pick<Reason, 'field' | 'rule'>) => boolean;
  readonly isOverseer: boolean;
}

/** @param dataset as far as the principal may know of it */
export function shownOf(context: Asking, dataset: Dataset): Shown {
  const { principal, world } = context;
  // With what is secret to who asks: a refused row has that too.
  const whole = world.catalog.datasets.get(dataset.name) ?? dataset;
  const plain = plainFields(context, dataset);
  const isAllPlain = whole.fields.every((field) => plain.has(field.name));
  const isOverseer = hasRole(principal, ...OVERSEERS);
  return {
    known: new Map([...fieldsByColumn(dataset)].map(([column, { name }]) => [column, name])),
    plain,
    isAllPlain,
    seesUnknown: isAllPlain && hasRole(principal, 'admin', 'steward', 'engineer'),
    isTold: toldOf(dataset, isOverseer ? undefined : { plain, isAllPlain }),
    isOverseer,
  };
}

/**
 * The fields whose raw text may be shown: seen plain, and in every row. A row of a file has no types, so neither a mask nor
 * a row filter can be applied to it; whoever is subject to one sees null.
 */
export function plainFields({ principal, world }: Asking, dataset: Dataset): ReadonlySet<string> {
  const decision = world.authorizer.decide(principal, dataset);
  if (decision.rows !== 'all') return new Set();
  return new Set(dataset.fields.map((field) => field.name).filter((field) => decision.fields.get(field)?.access === 'plain'));
}

/** A row as it came, for somebody: null where they may know of the field and not see it; without what they may not know of. */
export function rawFor(row: Raw, { known, plain, isAllPlain, seesUnknown }: Shown): Raw {
  const entries = Object.entries(row).flatMap(([column, text]): [string, string | null][] => {
    const field = known.get(column);
    if (field !== undefined) return [[column, plain.has(field) ? text : null]];
    // A line that could not be taken apart stands under an empty name: it is shown to those who may see all of it.
    if (column === '') return [[column, isAllPlain ? text : null]];
    return seesUnknown ? [[column, text]] : [];
  });
  return Object.fromEntries(entries);
}

/** Reasons about the whole row that every dataset has. */
const OF_ROWS = ['json', 'key', 'drift', MESSAGE_RULE];

/** @param shown everything when absent */
export function toldOf(dataset: Dataset, shown?: Pick<Shown, 'plain' | 'isAllPlain'>): Shown['isTold'] {
  const fields = new Map(dataset.fields.map((field) => [field.name, field]));
  const rules = new Set([...OF_ROWS, ...dataset.rules.map((rule) => rule.name)]);
  return ({ field: name, rule }) => {
    if (name === null || name === undefined) return rules.has(rule) && (shown === undefined || shown.isAllPlain);
    if (shown && !shown.plain.has(name)) return false;
    const field = fields.get(name);
    // Of a reference only where its target is known.
    return field !== undefined && (rule !== 'references' || field.rules.some(({ kind }) => kind === 'references'));
  };
}

/** What reasons on rows can be: by these rows can be looked for. */
const RULES = ['type', 'finite', 'required', 'matches', 'between', 'in', 'length', 'references', 'unique'];

/** The kinds of reasons that a question for a field, a rule or both means, of those that may be told: nothing else is found by them. */
export function askedReasons(
  dataset: Dataset,
  { isTold }: Shown,
  asked: { readonly field?: string | undefined; readonly rule?: string | undefined },
): ReasonKind[] {
  const ofFields = dataset.fields.flatMap(({ name: field }) => RULES.map((rule) => ({ field, rule })));
  const ofRows = [...OF_ROWS, ...dataset.rules.map(({ name }) => name)].map((rule) => ({ field: null, rule }));
  return [...ofFields, ...ofRows].filter(
    (reason) => (asked.field === undefined || reason.field === asked.field) && (asked.rule === undefined || reason.rule === asked.rule) && isTold(reason),
  );
}
