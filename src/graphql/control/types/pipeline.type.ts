import { Field, ObjectType } from 'type-graphql';
import { DateTimeScalar, JsonScalar } from '../../scalars.js';
import { Schedule } from './schedule.type.js';

@ObjectType({ description: 'What a step declares to have made harmless. Nobody has checked that it is true.' })
export class Anonymisation {
  @Field(() => [String], { description: 'Tags that the step hands on to nothing.' }) tags!: readonly string[];
  @Field(() => Boolean, { description: 'Its rows are about no person any more, and need no consent.' }) subject!: boolean;
  @Field(() => String) reason!: string;
}

@ObjectType()
export class PipelineStep {
  @Field(() => String) name!: string;
  @Field(() => String, { description: 'transform, aggregate, sql or publish.' }) kind!: string;
  @Field(() => JsonScalar, { nullable: true, description: 'The step as it stands in the manifest; null for who may not know all names.' }) definition!: unknown;
  @Field(() => Anonymisation, { nullable: true }) anonymises?: Anonymisation | undefined;
}

@ObjectType({ description: 'Steps over datasets, whose result is a dataset.' })
export class Pipeline {
  @Field(() => String) name!: string;
  @Field(() => String, { nullable: true }) description?: string | undefined;
  @Field(() => Schedule, { nullable: true }) schedule?: Schedule | undefined;
  @Field(() => DateTimeScalar, { nullable: true, description: 'When its schedule starts it next.' }) nextRunAt?: Date | undefined;
  steps!: readonly PipelineStep[];
  /** Names; the resolver gives the datasets. */
  inputNames!: readonly string[];
  outputName!: string;
}
