import { Arg, Ctx, FieldResolver, Query, Resolver, Root } from 'type-graphql';
import { hasRole } from '../../../identity/index.js';
import type { RequestContext } from '../../context.js';
import { knowsAllNames, OVERSEERS } from '../rights.js';
import { Dataset, toDataset } from '../types/dataset.type.js';
import { Pipeline, PipelineStep } from '../types/pipeline.type.js';
import { Run, toRun } from '../types/run.type.js';

@Resolver(() => Pipeline)
export class PipelineResolver {
  @Query(() => [Pipeline], { description: 'The pipelines whose datasets you may know of, by name.' })
  async pipelines(@Ctx() context: RequestContext): Promise<Pipeline[]> {
    return visiblePipelines(context);
  }

  @Query(() => Pipeline, { nullable: true })
  async pipeline(@Ctx() context: RequestContext, @Arg('name', () => String) name: string): Promise<Pipeline | null> {
    return (await visiblePipelines(context)).find((pipeline) => pipeline.name === name) ?? null;
  }

  @FieldResolver(() => [Dataset])
  inputs(@Root() { inputNames }: Pipeline, @Ctx() { visible }: RequestContext): Dataset[] {
    return inputNames.flatMap((name) => visible.datasets.get(name) ?? []).map(toDataset);
  }

  @FieldResolver(() => Dataset, { nullable: true })
  output(@Root() { outputName }: Pipeline, @Ctx() { visible }: RequestContext): Dataset | null {
    const dataset = visible.datasets.get(outputName);
    return dataset ? toDataset(dataset) : null;
  }

  @FieldResolver(() => [PipelineStep])
  steps(@Root() { steps }: Pipeline, @Ctx() { principal }: RequestContext): PipelineStep[] {
    return steps.map(({ name, kind, definition, anonymises }) => ({ name, kind, definition: knowsAllNames(principal) ? definition : null, anonymises }));
  }

  @FieldResolver(() => [Run], { nullable: true, description: 'The ten newest; null for who may not oversee.' })
  async runs(@Root() { outputName }: Pipeline, @Ctx() { loaders, principal }: RequestContext): Promise<Run[] | null> {
    return hasRole(principal, ...OVERSEERS) ? (await loaders.latestRuns.load(outputName)).map(toRun) : null;
  }
}

/** A pipeline names its inputs' fields, so it is as secret as the most secret of its datasets. */
async function visiblePipelines({ services, visible }: RequestContext): Promise<Pipeline[]> {
  const pipelines = await services.pipelines();
  return pipelines.filter(({ inputNames, outputName }) => [...inputNames, outputName].every((name) => visible.datasets.has(name)));
}
