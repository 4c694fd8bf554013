import { fieldsByColumn, type Dataset, type FieldHistory } from '../../catalog/index.js';
import { hasRole } from '../../identity/index.js';
import type { QuarantinedRowEntity, ReasonKind } from '../../ingestion/index.js';
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
  /** Whether a column is the field that it is now, in the row in question; of the empty name, whether all of them are. */
  readonly isSame: (column: string) => boolean;
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
    isTold: toldOf(dataset, isOverseer ? undefined : { plain, isAllPlain }, whole.fields.length === dataset.fields.length),
    isOverseer,
    isSame: () => true,
  };
}

/**
 * What of a row may be seen that was refused under a contract of before. A column that was no field then, or another one, may hold what
 * nobody has said of who may see it: its grants are those of another field. So it is as one that no contract has.
 * @param version of the contract under which it was refused; null where nobody knows
 */
export function shownUnder(shown: Shown, { since, wholeSince }: FieldHistory, version: number | null): Shown {
  if (shown.seesUnknown) return shown;
  const isSame = (column: string) => version !== null && version >= (column === '' ? wholeSince : (since.get(column) ?? Number.POSITIVE_INFINITY));
  const isTold: Shown['isTold'] = (reason) => shown.isTold(reason) && (shown.isOverseer || reason.field === null || isSame(reason.field));
  return { ...shown, isSame, isTold };
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
export function rawFor(row: Raw, { known, plain, isAllPlain, seesUnknown, isSame }: Shown): Raw {
  const entries = Object.entries(row).flatMap(([column, text]): [string, string | null][] => {
    const field = known.get(column);
    if (field !== undefined) return [[column, plain.has(field) && isSame(column) ? text : null]];
    // A line that could not be taken apart stands under an empty name: it is shown to those who may see all of it.
    if (column === '') return [[column, isAllPlain && isSame(column) ? text : null]];
    return seesUnknown ? [[column, text]] : [];
  });
  return Object.fromEntries(entries);
}

/** Of messages that are refused as they are: why is said in words of their own, which can name fields. */
const OF_MESSAGES = 'message';
/** Reasons about the whole row that every dataset has. */
const OF_ROWS = ['json', 'key', 'drift', OF_MESSAGES];

/**
 * @param shown everything when absent
 * @param knowsAll nothing of the dataset is secret to them
 */
export function toldOf(dataset: Dataset, shown?: Pick<Shown, 'plain' | 'isAllPlain'>, knowsAll = true): Shown['isTold'] {
  const fields = new Map(dataset.fields.map((field) => [field.name, field]));
  const rules = new Set([...OF_ROWS, ...dataset.rules.map((rule) => rule.name)]);
  return ({ field: name, rule }) => {
    if (rule === OF_MESSAGES && !knowsAll) return false;
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
  { isTold, isOverseer }: Shown,
  { since }: FieldHistory,
  asked: { readonly field?: string | undefined; readonly rule?: string | undefined },
): ReasonKind[] {
  // Of rows that were refused when the field was another one, who does not oversee is told nothing.
  const ofFields = dataset.fields.flatMap(({ name: field }) =>
    RULES.map((rule) => ({ field, rule, ...(!isOverseer && { since: since.get(field) ?? dataset.contractVersion }) })),
  );
  const ofRows = [...OF_ROWS, ...dataset.rules.map(({ name }) => name)].map((rule) => ({ field: null, rule }));
  return [...ofFields, ...ofRows].filter(
    (reason) => (asked.field === undefined || reason.field === asked.field) && (asked.rule === undefined || reason.rule === asked.rule) && isTold(reason),
  );
}
