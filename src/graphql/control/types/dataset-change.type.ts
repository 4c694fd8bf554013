import { Field, ObjectType } from 'type-graphql';
import type { Dataset as Model } from '../../../catalog/index.js';
import { BigIntScalar } from '../../scalars.js';
import { Dataset } from './dataset.type.js';

@ObjectType({ description: 'The rows of a dataset are others than before.' })
export class DatasetChange {
  @Field(() => Dataset) dataset!: Dataset;
  @Field(() => BigIntScalar, { description: 'Of the rows, after the change.' }) dataVersion!: string;
}

/** An event, as it is given to the resolver. */
export interface DatasetEvent {
  readonly dataset: Model;
  readonly dataVersion: number;
}
