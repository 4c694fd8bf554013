import { Arg, Ctx, Int, Query, Resolver } from 'type-graphql';
import type { Dataset } from '../../../catalog/index.js';
import type { QuarantinedRowEntity } from '../../../ingestion/index.js';
import { hasRole } from '../../../identity/index.js';
import type { RequestContext } from '../../context.js';
import { OVERSEERS, refusedTo, visibleDataset } from '../rights.js';
import { pageOf, type Page } from '../types/page.js';
import { QuarantinedRow, QuarantinedRowConnection } from '../types/quarantine.type.js';
import { pageSize } from './dataset.resolver.js';

@Resolver()
export class QuarantineResolver {
  @Query(() => QuarantinedRowConnection, { description: 'Rows that loads refused, oldest first: where they stood, why, and the values that you may see.' })
  async quarantine(
    @Ctx() context: RequestContext,
    @Arg('dataset', () => String) name: string,
    @Arg('first', () => Int, { nullable: true }) first?: number,
    @Arg('after', () => String, { nullable: true }) after?: string,
  ): Promise<Page<QuarantinedRow>> {
    const { principal, services, world } = context;
    const dataset = visibleDataset(context, name);
    // With what is secret to who asks: a refused row has that too.
    const whole = world.catalog.datasets.get(name) ?? dataset;
    const plain = plainFields(context, dataset);
    const isAllPlain = whole.fields.every((field) => plain.has(field.name));
    if (plain.size === 0 && !hasRole(principal, ...OVERSEERS)) {
      const refusal = refusedTo(principal, `the quarantine of ${name}`, 'admin, steward, engineer, auditor, and those who may see every row of the dataset');
      await services.audit.record({ actor: principal, action: 'quarantine', dataset: name, decision: 'DENIED', details: { code: refusal.code } });
      throw refusal;
    }
    const { rows: sealed, hasNext } = await services.quarantine.page(dataset.id, {
      first: pageSize(first),
      ...(after !== undefined && { after: idOf(after) }),
    });
    await services.audit.record({ actor: principal, action: 'quarantine', dataset: name, decision: 'ALLOWED', fields: [...plain], rowCount: sealed.length });
    const rows = await services.quarantine.opened(whole, sealed, (field) => plain.has(field));
    const known = new Set(dataset.fields.map((field) => field.name));
    const isTold = reasonsOf(dataset, hasRole(principal, ...OVERSEERS) ? undefined : { plain, isAllPlain });
    return pageOf(rows, {
      hasNextPage: hasNext,
      after,
      cursor: (row) => Buffer.from(`quarantine/${row.id}`).toString('base64url'),
      node: (row) => toRow(row, { known, plain, isAllPlain, isTold }),
      totalCount: () => services.quarantine.count(dataset.id),
    });
  }
}

/**
 * The fields whose raw text may be shown: seen plain, and in every row. A refused row has no types, so neither a mask nor
 * a row filter can be applied to it; whoever is subject to one sees null.
 */
function plainFields({ principal, world }: RequestContext, dataset: Dataset): ReadonlySet<string> {
  const decision = world.authorizer.decide(principal, dataset);
  if (decision.rows !== 'all') return new Set();
  return new Set(dataset.fields.map((field) => field.name).filter((field) => decision.fields.get(field)?.access === 'plain'));
}

/**
 * Reasons that name nothing hidden: of a field or rule that is known, and of a reference only where its target is. They tell
 * of the field's value, so that it must be among the plain ones.
 * @param shown everything when absent
 */
function reasonsOf(dataset: Dataset, shown?: Pick<Shown, 'plain' | 'isAllPlain'>): (reason: Reason) => boolean {
  const fields = new Map(dataset.fields.map((field) => [field.name, field]));
  const rules = new Set(['json', 'key', ...dataset.rules.map((rule) => rule.name)]);
  return ({ field: name, rule }) => {
    if (name === null || name === undefined) return rules.has(rule) && (shown === undefined || shown.isAllPlain);
    if (shown && !shown.plain.has(name)) return false;
    const field = fields.get(name);
    return field !== undefined && (rule !== 'references' || field.rules.some(({ kind }) => kind === 'references'));
  };
}

type Reason = QuarantinedRowEntity['reasons'][number];

/** What of a refused row somebody may see. */
interface Shown {
  /** Names of fields that they may know of. */
  readonly known: ReadonlySet<string>;
  readonly plain: ReadonlySet<string>;
  /** All fields that there are are plain to them, secret ones too. */
  readonly isAllPlain: boolean;
  readonly isTold: (reason: Reason) => boolean;
}

function toRow(row: QuarantinedRowEntity, { known, plain, isAllPlain, isTold }: Shown): QuarantinedRow {
  // A line that could not be taken apart stands under an empty name: it is shown to those who may see all of it.
  const raw = Object.entries(row.raw).flatMap(([field, text]): [string, string | null][] => {
    if (plain.has(field) || (isAllPlain && !known.has(field))) return [[field, text]];
    return known.has(field) || field === '' ? [[field, null]] : [];
  });
  const reasons = row.reasons.filter(isTold);
  return Object.assign(new QuarantinedRow(), {
    id: row.id,
    runId: row.runId,
    line: row.line,
    position: row.position,
    raw: Object.fromEntries(raw),
    reasons: reasons.map(({ field, rule, message }) => ({ field: field ?? null, rule, message })),
    createdAt: row.createdAt,
  });
}

function idOf(cursor: string): string {
  const [kind, id = ''] = Buffer.from(cursor, 'base64url').toString().split('/');
  // What is no cursor of ours is no id either, and refused as one.
  return kind === 'quarantine' ? id : 'not a cursor';
}
