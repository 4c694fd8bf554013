import { Arg, Ctx, FieldResolver, ID, Int, Mutation, Query, Resolver, Root } from 'type-graphql';
import type { Dataset as Model } from '../../../catalog/index.js';
import { checkPatch, MOST_IDS, type QuarantinedRowEntity, type QuarantineState } from '../../../ingestion/index.js';
import { HeadgateError, isHeadgateError, isUuid } from '../../../kernel/index.js';
import type { RequestContext } from '../../context.js';
import { JsonScalar } from '../../scalars.js';
import { askedReasons, rawFor, shownOf, shownUnder, type Shown } from '../refused-rows.js';
import { mayCount, refusedTo, visibleDataset } from '../rights.js';
import { Dataset } from '../types/dataset.type.js';
import { LoadModeEnum, QuarantineStateEnum } from '../types/enums.js';
import { pageOf, type Page } from '../types/page.js';
import { QuarantineCount, QuarantinedRow, QuarantinedRowConnection } from '../types/quarantine.type.js';
import { Run, toRun } from '../types/run.type.js';
import { visibleRun } from '../visible-run.js';
import { pageSize } from './dataset.resolver.js';

interface Asked {
  readonly first?: number | undefined;
  readonly after?: string | undefined;
  readonly run?: string | undefined;
  readonly field?: string | undefined;
  readonly rule?: string | undefined;
  readonly state?: QuarantineState | undefined;
}

@Resolver(() => QuarantinedRow)
export class QuarantineResolver {
  @Query(() => QuarantinedRowConnection, { description: 'Rows that loads refused, oldest first: where they stood, why, and the values that you may see.' })
  async quarantine(
    @Ctx() context: RequestContext,
    @Arg('dataset', () => String) name: string,
    @Arg('first', () => Int, { nullable: true }) first?: number,
    @Arg('after', () => String, { nullable: true }) after?: string,
    @Arg('run', () => ID, { nullable: true, description: 'That this run refused, at first or when it tried them again.' }) run?: string,
    @Arg('field', () => String, { nullable: true, description: 'With a reason about this field, by its name in the contract.' }) field?: string,
    @Arg('rule', () => String, { nullable: true, description: 'With a reason of this rule: type, required, drift, the name of a rule of the dataset ...' })
    rule?: string,
    @Arg('state', () => QuarantineStateEnum, { nullable: true, description: 'OPEN when left out.' }) state?: QuarantineState,
  ): Promise<Page<QuarantinedRow>> {
    const dataset = visibleDataset(context, name);
    const shown = shownOf(context, dataset);
    if (shown.plain.size === 0 && !shown.isOverseer) {
      const refusal = refusedTo(
        context.principal,
        `the quarantine of ${name}`,
        'admin, steward, engineer, auditor, and those who may see every row of the dataset',
      );
      await context.services.audit.record({
        actor: context.principal,
        action: 'quarantine',
        dataset: name,
        decision: 'DENIED',
        details: { code: refusal.code },
      });
      throw refusal;
    }
    return refusedRows(context, dataset, shown, { first, after, run, field, rule, state });
  }

  @Mutation(() => Run, {
    description: 'Queues a load of rows of the quarantine, and answers at once. Those that pass leave it; the others stay, with new reasons.',
  })
  async replayQuarantine(
    @Ctx() context: RequestContext,
    @Arg('dataset', () => String) name: string,
    @Arg('ids', () => [ID], { nullable: true, description: 'All that are open when left out.' }) ids?: string[],
    @Arg('patch', () => JsonScalar, {
      nullable: true,
      description: 'By the name of a field in the contract: what takes the place of what came, in each of the rows.',
    })
    patch?: unknown,
    @Arg('mode', () => LoadModeEnum, { nullable: true, description: 'append when left out, or merge.' }) mode?: 'append' | 'replace' | 'merge',
  ): Promise<Run> {
    const dataset = visibleDataset(context, name);
    const input = { dataset: name, ...(ids && { ids: checkIds(ids) }), patch: patchOf(patch, dataset), mode };
    await mayPatch(context, dataset, Object.keys(input.patch));
    return toRun(await context.services.submitReplay(input, context.principal));
  }

  @Mutation(() => Int, { description: 'Says of refused rows that nobody wants them. Their values are gone then. Answers how many were open.' })
  async discardQuarantine(
    @Ctx() context: RequestContext,
    @Arg('dataset', () => String) name: string,
    @Arg('ids', () => [ID]) ids: string[],
    @Arg('reason', () => String, { description: 'It goes on the record.' }) reason: string,
  ): Promise<number> {
    const { services, principal, world } = context;
    const dataset = visibleDataset(context, name);
    return services.quarantineActs.discard(world.catalog.datasets.get(name) ?? dataset, checkIds(ids), reason, principal);
  }

  @FieldResolver(() => Run, { nullable: true, description: 'The run that refused it first; null for who may not see that.' })
  async run(@Root() { runId }: QuarantinedRow, @Ctx() context: RequestContext): Promise<Run | null> {
    return runOf(context, runId);
  }

  @FieldResolver(() => Run, { nullable: true, description: 'The replay that tried it last.' })
  async lastRun(@Root() { lastRunId }: QuarantinedRow, @Ctx() context: RequestContext): Promise<Run | null> {
    return lastRunId === null ? null : runOf(context, lastRunId);
  }
}

@Resolver(() => Dataset)
export class QuarantineOfDatasetResolver {
  @FieldResolver(() => [QuarantineCount], {
    nullable: true,
    description:
      'Why rows are in quarantine, most first; without reasons about fields that you may not see plain, unless you oversee. Null for who may not see every row.',
  })
  async quarantineSummary(@Root() { id, model }: Dataset, @Ctx() context: RequestContext): Promise<readonly QuarantineCount[] | null> {
    if (!mayCount(context, model)) return null;
    const { isTold, isOverseer } = shownOf(context, model);
    const { quarantine } = context.services;
    return (await quarantine.reasons(id, isOverseer ? undefined : (await quarantine.history(model)).since)).filter(isTold);
  }
}

@Resolver(() => Run)
export class QuarantineOfRunResolver {
  @FieldResolver(() => QuarantinedRowConnection, {
    nullable: true,
    description: 'Rows that it refused and that are still in quarantine; null for who may not look at that.',
  })
  async quarantine(
    @Root() { id, datasetName }: Run,
    @Ctx() context: RequestContext,
    @Arg('first', () => Int, { nullable: true }) first?: number,
    @Arg('after', () => String, { nullable: true }) after?: string,
  ): Promise<Page<QuarantinedRow> | null> {
    const dataset = datasetName === null ? undefined : context.visible.datasets.get(datasetName);
    const shown = dataset && shownOf(context, dataset);
    if (!dataset || !shown || (shown.plain.size === 0 && !shown.isOverseer)) return null;
    return refusedRows(context, dataset, shown, { first, after, run: id });
  }

  @FieldResolver(() => [Run], { description: 'The runs that refused what this one tried again, as far as you may see them.' })
  async replayOf(@Root() { id }: Run, @Ctx() context: RequestContext): Promise<Run[]> {
    const replays = await context.loaders.replays.load(id);
    return runsOf(
      context,
      replays.filter(({ run }) => run === id).map(({ of }) => of),
    );
  }

  @FieldResolver(() => [Run], { description: 'The runs that tried again what this one had refused, as far as you may see them.' })
  async replays(@Root() { id }: Run, @Ctx() context: RequestContext): Promise<Run[]> {
    const replays = await context.loaders.replays.load(id);
    return runsOf(
      context,
      replays.filter(({ of }) => of === id).map(({ run }) => run),
    );
  }
}

async function refusedRows(context: RequestContext, dataset: Model, shown: Shown, asked: Asked): Promise<Page<QuarantinedRow>> {
  const { principal, services, world } = context;
  const { name, id } = dataset;
  const { first, after, run, field, rule, state = 'OPEN' } = asked;
  if (field !== undefined && !dataset.fields.some((known) => known.name === field))
    throw new HeadgateError('BAD_USER_INPUT', `field: "${field.slice(0, 80)}" is no field of "${name}".`, { path: 'field' });
  if (run !== undefined && !isUuid(run)) throw new HeadgateError('BAD_USER_INPUT', 'run: expected the id of a run.', { path: 'run' });
  const history = await services.quarantine.history(dataset);
  const filter = { run, state, ...((field ?? rule) !== undefined && { reasons: askedReasons(dataset, shown, history, { field, rule }) }) };
  const size = pageSize(first);
  const { rows: sealed, hasNext } = await services.quarantine.page(id, { first: size, ...filter, ...(after !== undefined && { after: idOf(after) }) });
  await services.audit.record({
    actor: principal,
    action: 'quarantine',
    dataset: name,
    decision: 'ALLOWED',
    fields: [...shown.plain],
    rowCount: sealed.length,
  });
  const rows = await services.quarantine.opened(world.catalog.datasets.get(name) ?? dataset, sealed, (one) => shown.plain.has(one));
  return pageOf(rows, {
    hasNextPage: hasNext,
    after,
    cursor: (row) => Buffer.from(`quarantine/${row.id}`).toString('base64url'),
    node: (row) => toRow(row, shownUnder(shown, history, row.contractVersion)),
    totalCount: () => services.quarantine.count(id, filter),
  });
}

function toRow(row: QuarantinedRowEntity, shown: Shown): QuarantinedRow {
  const { id, runId, lastRunId, line, position, state, attempts, discardReason, discardedBy, discardedAt, createdAt } = row;
  const reasons = row.reasons.filter(shown.isTold).map(({ field, rule, message }) => ({ field: field ?? null, rule, message }));
  const told = shown.isOverseer ? { discardReason, discardedBy } : { discardReason: null, discardedBy: null };
  return Object.assign(new QuarantinedRow(), {
    id,
    runId,
    lastRunId,
    line,
    position,
    state,
    attempts,
    reasons,
    raw: rawFor(row.raw, shown),
    ...told,
    discardedAt,
    createdAt,
  });
}

async function runOf(context: RequestContext, id: string): Promise<Run | null> {
  const run = await visibleRun(context, id);
  return run && toRun(run);
}

async function runsOf(context: RequestContext, ids: readonly string[]): Promise<Run[]> {
  const runs = await Promise.all(ids.map((id) => runOf(context, id)));
  return runs.filter((run) => run !== null);
}

function checkIds(ids: readonly string[]): readonly string[] {
  if (ids.length > MOST_IDS) throw new HeadgateError('BAD_USER_INPUT', `ids: expected at most ${MOST_IDS}, got ${ids.length}.`, { path: 'ids' });
  if (ids.some((id) => !/^\d{1,18}$/.test(id)))
    throw new HeadgateError('BAD_USER_INPUT', 'ids: expected ids of refused rows, as `quarantine` tells them.', { path: 'ids' });
  return ids;
}

/** @throws HeadgateError FORBIDDEN, on the record */
async function mayPatch({ principal, services, world }: RequestContext, dataset: Model, patched: readonly string[]): Promise<void> {
  try {
    checkPatch(world.authorizer, principal, dataset, patched);
  } catch (error) {
    if (isHeadgateError(error))
      await services.audit.record({
        actor: principal,
        action: 'replayQuarantine',
        dataset: dataset.name,
        decision: 'DENIED',
        details: { code: error.code, field: error.details['field'] },
      });
    throw error;
  }
}

/** Texts, as a file would have them. @throws HeadgateError BAD_USER_INPUT, without the value */
function patchOf(patch: unknown, dataset: Model): Readonly<Record<string, string | null>> {
  if (patch === undefined || patch === null) return {};
  if (typeof patch !== 'object' || Array.isArray(patch))
    throw new HeadgateError('BAD_USER_INPUT', 'patch: expected an object of fields and their values.', { path: 'patch' });
  const fields = new Map(dataset.fields.map((field) => [field.name, field]));
  const entries = Object.entries(patch).map(([name, value]: [string, unknown]): [string, string | null] => {
    const field = fields.get(name);
    if (!field) throw new HeadgateError('BAD_USER_INPUT', `patch: "${name.slice(0, 80)}" is no field of "${dataset.name}".`, { path: 'patch' });
    if (value === null || typeof value === 'string') return [name, value];
    if (typeof value === 'object' && !field.list && field.type !== 'json')
      throw new HeadgateError('BAD_USER_INPUT', `patch: ${name} is ${field.type}, and takes one value, not a list or an object.`, { path: 'patch' });
    return [name, JSON.stringify(value)];
  });
  return Object.fromEntries(entries);
}

function idOf(cursor: string): string {
  const [kind, id = ''] = Buffer.from(cursor, 'base64url').toString().split('/');
  // What is no cursor of ours is no id either, and refused as one.
  return kind === 'quarantine' ? id : 'not a cursor';
}
