import { Arg, Ctx, FieldResolver, ID, Int, Mutation, Query, Resolver, Root, Subscription } from 'type-graphql';
import type { RunEntity, RunKind, RunPriority, RunStatus } from '../../../lifecycle/index.js';
import { isSameOne } from '../../../identity/index.js';
import { HeadgateError } from '../../../kernel/index.js';
import { timeCursor } from '../../../store/index.js';
import type { RequestContext } from '../../context.js';
import { DateTimeScalar } from '../../scalars.js';
import { PREVIEW_ROWS, previewFor } from '../load-preview.js';
import { knowsAllNames, knowsAllOf, visibleDataset } from '../rights.js';
import { visibleRun } from '../visible-run.js';
import { Dataset, toDataset } from '../types/dataset.type.js';
import { RunKindEnum, RunPriorityEnum, RunStatusEnum } from '../types/enums.js';
import { IngestInput } from '../types/ingest.type.js';
import { pageOf, type Page } from '../types/page.js';
import { IngestPreview } from '../types/preview.type.js';
import { Run, RunConnection, RunError, RunStep, toRun, toRunStep } from '../types/run.type.js';

@Resolver(() => Run)
export class RunResolver {
  @Query(() => RunConnection, { description: 'Runs, newest first.' })
  async runs(
    @Ctx() { services, principal, visible }: RequestContext,
    @Arg('dataset', () => String, { nullable: true }) dataset?: string,
    @Arg('pipeline', () => String, { nullable: true }) pipeline?: string,
    @Arg('collector', () => String, { nullable: true }) collector?: string,
    @Arg('kind', () => RunKindEnum, { nullable: true }) kind?: RunKind,
    @Arg('status', () => RunStatusEnum, { nullable: true }) status?: RunStatus,
    @Arg('deadLetter', () => Boolean, { nullable: true, description: 'true: those that were given up and wait to be redriven.' }) deadLetter?: boolean,
    @Arg('first', () => Int, { nullable: true }) first?: number,
    @Arg('after', () => String, { nullable: true }) after?: string,
  ): Promise<Page<Run>> {
    // What has a name has runs: a name that may not be known has none to be found by.
    const isNamed = [dataset, pipeline, collector].some((name) => name !== undefined);
    const among = isNamed && !knowsAllNames(principal) ? [...visible.datasets.keys()] : undefined;
    const filter = { dataset, pipeline, collector, kind, status, deadLetter, among };
    const { nodes, hasNextPage } = await services.runs.list({ ...filter, first, after });
    return pageOf(nodes, { hasNextPage, after, cursor: timeCursor, node: toRun, totalCount: () => services.runs.count(filter) });
  }

  @Query(() => Run, { nullable: true, description: 'One that you asked for, or any if you oversee.' })
  async run(@Ctx() context: RequestContext, @Arg('id', () => ID) id: string): Promise<Run | null> {
    const run = await visibleRun(context, id);
    return run && toRun(run);
  }

  @Subscription(() => Run, {
    description: 'A run as it goes on, at first as it is now: a few times a second at the most, until it is over.',
    // Events are executed one by one, each behind the shield; nothing subscribes by way of the schema.
    subscribe: () => {
      throw new HeadgateError('BAD_USER_INPUT', 'Subscriptions come over a WebSocket at this path, with the protocol graphql-transport-ws.');
    },
  })
  runProgress(@Root() run: RunEntity, @Arg('id', () => ID) _id: string): Run {
    return toRun(run);
  }

  @Mutation(() => Run, { description: 'Queues a load and answers at once; ask `run` how it goes.' })
  async ingest(@Ctx() context: RequestContext, @Arg('input', () => IngestInput) input: IngestInput): Promise<Run> {
    visibleDataset(context, input.dataset);
    if ([input.source, input.url, input.content].filter((given) => given !== undefined).length !== 1) {
      throw new HeadgateError('BAD_USER_INPUT', 'Give exactly one of source, url and content.', { path: 'input' });
    }
    return toRun(await context.services.submitIngest(input, context.principal));
  }

  @Mutation(() => IngestPreview, {
    description: 'Does all of a load, tells what it did, and takes it back. A purpose counts as for reading: by it you see values.',
  })
  async previewIngest(@Ctx() context: RequestContext, @Arg('input', () => IngestInput) input: IngestInput): Promise<IngestPreview> {
    const { dataset: name, source, content, format, mode, force } = input;
    const dataset = visibleDataset(context, name);
    if (source !== undefined && content !== undefined) throw new HeadgateError('BAD_USER_INPUT', 'Give either source or content.', { path: 'input' });
    const from = source !== undefined ? { file: source } : content !== undefined ? { content } : undefined;
    if (!from) throw new HeadgateError('BAD_USER_INPUT', 'Give either source or content.', { path: 'input' });
    const outcome = await context.services.previewIngest({ dataset: name, source: from, format, mode, force }, context.principal, PREVIEW_ROWS);
    return previewFor(context, dataset, outcome, { isSent: content !== undefined });
  }

  @Mutation(() => Run, { description: 'Queues a pipeline and answers at once.' })
  async runPipeline(
    @Ctx() { services, principal }: RequestContext,
    @Arg('name', () => String) name: string,
    @Arg('priority', () => RunPriorityEnum, { nullable: true, description: 'NORMAL when left out.' }) priority?: RunPriority,
  ): Promise<Run> {
    return toRun(await services.submitPipeline(name, principal, priority));
  }

  @Mutation(() => Run)
  async cancelRun(@Ctx() { services, principal }: RequestContext, @Arg('id', () => ID) id: string): Promise<Run> {
    const run = await services.runs.cancel(id);
    await services.audit.record({
      actor: principal,
      action: 'run.cancel',
      decision: 'ALLOWED',
      details: { run: run.id },
      ...(run.dataset !== null && { dataset: run.dataset }),
    });
    return toRun(run);
  }

  @Mutation(() => Run, { description: 'Queues again what a failed or cancelled run should have done.' })
  async retryRun(@Ctx() { services, principal }: RequestContext, @Arg('id', () => ID) id: string): Promise<Run> {
    return toRun(await services.retryRun(await services.runs.get(id), principal));
  }

  @Mutation(() => [Run], {
    description:
      'Queues again what was given up, each as a new run whose parentId is the old one; 1000 at the most, the oldest first. All conditions must hold, and one must be given.',
  })
  async redriveRuns(
    @Ctx() { services, principal }: RequestContext,
    @Arg('dataset', () => String, { nullable: true }) dataset?: string,
    @Arg('pipeline', () => String, { nullable: true }) pipeline?: string,
    @Arg('kind', () => RunKindEnum, { nullable: true }) kind?: RunKind,
    @Arg('ids', () => [ID], { nullable: true }) ids?: string[],
    @Arg('since', () => DateTimeScalar, { nullable: true, description: 'Given up since then.' }) since?: Date,
  ): Promise<Run[]> {
    return (await services.redriveRuns({ dataset, pipeline, kind, ids, since }, principal)).map(toRun);
  }

  @FieldResolver(() => [RunStep])
  async steps(@Root() { id }: Run, @Ctx() { loaders, principal }: RequestContext): Promise<RunStep[]> {
    const steps = (await loaders.steps.load(id)).map(toRunStep);
    return knowsAllNames(principal) ? steps : steps.map((step) => ({ ...step, statement: null }));
  }

  /** It can name fields and datasets that are secret. Who asked for a load named them, or was told when it was refused. */
  @FieldResolver(() => RunError, { nullable: true })
  error(@Root() run: Run, @Ctx() context: RequestContext): RunError | null {
    return asTold(run.error, run, context);
  }

  /** As `error`. */
  @FieldResolver(() => RunError, { nullable: true })
  lastError(@Root() run: Run, @Ctx() context: RequestContext): RunError | null {
    return asTold(run.lastError, run, context);
  }

  @FieldResolver(() => Dataset, { nullable: true })
  dataset(@Root() { datasetName }: Run, @Ctx() { visible }: RequestContext): Dataset | null {
    const dataset = datasetName === null ? undefined : visible.datasets.get(datasetName);
    return dataset ? toDataset(dataset) : null;
  }

  @FieldResolver(() => String, { nullable: true, description: 'The collector whose run it is.' })
  collector(@Root() { collectorName, datasetName }: Run, @Ctx() { principal, visible }: RequestContext): string | null {
    return knowsAllNames(principal) || (datasetName !== null && visible.datasets.has(datasetName)) ? collectorName : null;
  }

  @FieldResolver(() => String, { nullable: true })
  pipeline(@Root() { pipelineName, datasetName }: Run, @Ctx() { principal, visible }: RequestContext): string | null {
    const isKnown = knowsAllNames(principal) || (datasetName !== null && visible.datasets.has(datasetName));
    return isKnown ? pipelineName : null;
  }
}

function asTold(error: RunError | null, { kind, datasetName, requestedBy, requestedWith }: Run, context: RequestContext): RunError | null {
  const isOwn = isSameOne(context.principal, { subject: requestedBy, credential: requestedWith });
  const isTold = knowsAllNames(context.principal) || (kind === 'INGESTION' && datasetName !== null && (isOwn || knowsAllOf(context, datasetName)));
  return error && !isTold ? { code: error.code, message: 'Why is for those who may know all names in it: engineers and admins.' } : error;
}
