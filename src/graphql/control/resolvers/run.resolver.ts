import { Arg, Ctx, FieldResolver, ID, Int, Mutation, Query, Resolver, Root } from 'type-graphql';
import { RunEntity, type RunKind, type RunStatus } from '../../../lifecycle/index.js';
import { hasRole, isSameOne } from '../../../identity/index.js';
import { HeadgateError } from '../../../kernel/index.js';
import { timeCursor } from '../../../store/index.js';
import type { RequestContext } from '../../context.js';
import { knowsAllNames, knowsAllOf, OVERSEERS, visibleDataset } from '../rights.js';
import { Dataset, toDataset } from '../types/dataset.type.js';
import { RunKindEnum, RunStatusEnum } from '../types/enums.js';
import { IngestInput } from '../types/ingest.type.js';
import { pageOf, type Page } from '../types/page.js';
import { Run, RunConnection, RunError, RunStep, toRun, toRunStep } from '../types/run.type.js';

@Resolver(() => Run)
export class RunResolver {
  @Query(() => RunConnection, { description: 'Runs, newest first.' })
  async runs(
    @Ctx() { services }: RequestContext,
    @Arg('dataset', () => String, { nullable: true }) dataset?: string,
    @Arg('pipeline', () => String, { nullable: true }) pipeline?: string,
    @Arg('kind', () => RunKindEnum, { nullable: true }) kind?: RunKind,
    @Arg('status', () => RunStatusEnum, { nullable: true }) status?: RunStatus,
    @Arg('first', () => Int, { nullable: true }) first?: number,
    @Arg('after', () => String, { nullable: true }) after?: string,
  ): Promise<Page<Run>> {
    const { nodes, hasNextPage } = await services.runs.list({ dataset, pipeline, kind, status, first, after });
    // TypeORM drops an undefined key from `where`, which is what is meant here: no condition.
    const where = Object.fromEntries(Object.entries({ dataset, pipeline, kind, status }).filter(([, value]) => value !== undefined));
    return pageOf(nodes, { hasNextPage, after, cursor: timeCursor, node: toRun, totalCount: () => services.database.manager.countBy(RunEntity, where) });
  }

  @Query(() => Run, { nullable: true, description: 'One that you asked for, or any if you oversee.' })
  async run(@Ctx() { services, principal }: RequestContext, @Arg('id', () => ID) id: string): Promise<Run | null> {
    const run = await services.runs.get(id).catch((error: unknown) => {
      if (error instanceof HeadgateError && error.code === 'NOT_FOUND') return null;
      throw error;
    });
    const isOwn = run !== null && isSameOne(principal, { subject: run.requestedBy, credential: run.requestedWith });
    return run && (isOwn || hasRole(principal, ...OVERSEERS)) ? toRun(run) : null;
  }

  @Mutation(() => Run, { description: 'Queues a load and answers at once; ask `run` how it goes.' })
  async ingest(@Ctx() context: RequestContext, @Arg('input', () => IngestInput) input: IngestInput): Promise<Run> {
    visibleDataset(context, input.dataset);
    if ((input.source === undefined) === (input.content === undefined)) {
      throw new HeadgateError('BAD_USER_INPUT', 'Give either source or content.', { path: 'input' });
    }
    return toRun(await context.services.submitIngest(input, context.principal));
  }

  @Mutation(() => Run, { description: 'Queues a pipeline and answers at once.' })
  async runPipeline(@Ctx() { services, principal }: RequestContext, @Arg('name', () => String) name: string): Promise<Run> {
    return toRun(await services.submitPipeline(name, principal));
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

  @FieldResolver(() => [RunStep])
  async steps(@Root() { id }: Run, @Ctx() { loaders, principal }: RequestContext): Promise<RunStep[]> {
    const steps = (await loaders.steps.load(id)).map(toRunStep);
    return knowsAllNames(principal) ? steps : steps.map((step) => ({ ...step, statement: null }));
  }

  /** It can name fields and datasets that are secret. Who asked for a load named them, or was told when it was refused. */
  @FieldResolver(() => RunError, { nullable: true })
  error(@Root() { error, kind, datasetName, requestedBy, requestedWith }: Run, @Ctx() context: RequestContext): RunError | null {
    const isOwn = isSameOne(context.principal, { subject: requestedBy, credential: requestedWith });
    const isTold = knowsAllNames(context.principal) || (kind === 'INGESTION' && datasetName !== null && (isOwn || knowsAllOf(context, datasetName)));
    return error && !isTold ? { code: error.code, message: 'Why is for those who may know all names in it: engineers and admins.' } : error;
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
