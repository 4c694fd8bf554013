import { Ctx, FieldResolver, Query, Resolver, Root } from 'type-graphql';
import type { RequestContext } from '../../context.js';
import { Run, toRun } from '../types/run.type.js';
import { Worker } from '../types/worker.type.js';

/** More than one process does at a time. */
const MOST_RUNS = 200;

@Resolver(() => Worker)
export class WorkerResolver {
  @Query(() => [Worker], { description: 'The processes that live, the longest there first.' })
  async workers(@Ctx() { services }: RequestContext): Promise<Worker[]> {
    return (await services.workers.list()).map((worker) => Object.assign(new Worker(), worker));
  }

  @FieldResolver(() => [Run], { description: 'What it does now.' })
  async runs(@Root() { name }: Worker, @Ctx() { services }: RequestContext): Promise<Run[]> {
    return (await services.runs.list({ worker: name, status: 'RUNNING', first: MOST_RUNS })).nodes.map(toRun);
  }
}
