import { Arg, Ctx, FieldResolver, Resolver, Root, Subscription } from 'type-graphql';
import { HeadgateError } from '../../../kernel/index.js';
import { BigIntScalar, DateTimeScalar } from '../../scalars.js';
import type { RequestContext } from '../../context.js';
import { mayCount } from '../rights.js';
import { DatasetChange, type DatasetEvent } from '../types/dataset-change.type.js';
import { toDataset } from '../types/dataset.type.js';

@Resolver(() => DatasetChange)
export class DatasetChangeResolver {
  @Subscription(() => DatasetChange, {
    description: 'Tells that a load or a pipeline changed the rows of a dataset; several changes can come as one.',
    // Events are executed one by one, each behind the shield; nothing subscribes by way of the schema.
    subscribe: () => {
      throw new HeadgateError('BAD_USER_INPUT', 'Subscriptions come over a WebSocket at this path, with the protocol graphql-transport-ws.');
    },
  })
  datasetChanged(@Root() { dataset, dataVersion }: DatasetEvent, @Arg('dataset', () => String) _name: string): DatasetChange {
    return Object.assign(new DatasetChange(), { dataset: toDataset(dataset), dataVersion: String(dataVersion) });
  }

  @FieldResolver(() => BigIntScalar, { nullable: true, description: 'Null for who may not see every row.' })
  async rowCount(@Root() { dataset }: DatasetChange, @Ctx() context: RequestContext): Promise<string | null> {
    return mayCount(context, dataset.model) ? ((await context.loaders.dataset.load(dataset.name))?.rowCount ?? null) : null;
  }

  @FieldResolver(() => DateTimeScalar, { nullable: true })
  async loadedAt(@Root() { dataset }: DatasetChange, @Ctx() context: RequestContext): Promise<Date | null> {
    return (await context.loaders.dataset.load(dataset.name))?.loadedAt ?? null;
  }
}
