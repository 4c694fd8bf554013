import { Arg, Ctx, FieldResolver, Mutation, Query, Resolver, Root } from 'type-graphql';
import type { RequestContext } from '../../context.js';
import { knowsAllNames } from '../rights.js';
import { Collector, CollectorPartition, toCollector, toPartition } from '../types/collector.type.js';
import { Dataset, toDataset } from '../types/dataset.type.js';
import { Run, toRun } from '../types/run.type.js';

@Resolver(() => Collector)
export class CollectorResolver {
  @Query(() => [Collector], { description: 'The collectors whose datasets you may know of, by name.' })
  async collectors(@Ctx() context: RequestContext): Promise<Collector[]> {
    return visibleCollectors(context);
  }

  @Query(() => Collector, { nullable: true })
  async collector(@Ctx() context: RequestContext, @Arg('name', () => String) name: string): Promise<Collector | null> {
    return (await visibleCollectors(context)).find((collector) => collector.name === name) ?? null;
  }

  @FieldResolver(() => Dataset, { nullable: true })
  dataset(@Root() { datasetName }: Collector, @Ctx() { visible }: RequestContext): Dataset | null {
    const dataset = visible.datasets.get(datasetName);
    return dataset ? toDataset(dataset) : null;
  }

  @FieldResolver(() => [CollectorPartition])
  async partitions(@Root() { name }: Collector, @Ctx() { loaders, principal }: RequestContext): Promise<CollectorPartition[]> {
    // It may hold a value of a column: the last one that was seen.
    return (await loaders.partitions.load(name)).map((state) => toPartition(state, knowsAllNames(principal)));
  }

  @Mutation(() => Run, { description: 'Queues a run of a collector and answers at once; of one that is under way, its run.' })
  async runCollector(@Ctx() { services, principal }: RequestContext, @Arg('name', () => String) name: string): Promise<Run> {
    return toRun(await services.collectors.run(name, principal));
  }

  @Mutation(() => Boolean, { description: 'Forgets where a collector is: it begins from the beginning. Rows that it brought stay.' })
  async resetCollector(
    @Ctx() { services, principal }: RequestContext,
    @Arg('name', () => String) name: string,
    @Arg('partition', () => String, { nullable: true, description: 'All when left out.' }) partition?: string,
  ): Promise<boolean> {
    await services.collectors.reset(name, principal, partition);
    return true;
  }
}

@Resolver(() => CollectorPartition)
export class CollectorPartitionResolver {
  @FieldResolver(() => Run, { nullable: true, description: 'The newest of its runs.' })
  async run(@Root() { runId }: CollectorPartition, @Ctx() { loaders }: RequestContext): Promise<Run | null> {
    const run = runId === null ? undefined : await loaders.run.load(runId);
    return run ? toRun(run) : null;
  }
}

async function visibleCollectors({ services, visible }: RequestContext): Promise<Collector[]> {
  const [collectors, schedules] = await Promise.all([services.collectors.list(), services.collectors.schedules()]);
  return collectors.filter(({ spec }) => visible.datasets.has(spec.dataset)).map((collector) => toCollector(collector, schedules.get(collector.spec.name)));
}
