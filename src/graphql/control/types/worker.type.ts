import { Field, ID, ObjectType } from 'type-graphql';
import { DateTimeScalar } from '../../scalars.js';

@ObjectType({ description: 'A process that does runs or receives them.' })
export class Worker {
  @Field(() => ID) id!: string;
  @Field(() => String) name!: string;
  @Field(() => String) host!: string;
  @Field(() => [String], { description: 'gateway answers HTTP, worker does what is queued.' }) roles!: readonly string[];
  @Field(() => DateTimeScalar) since!: Date;
  @Field(() => DateTimeScalar, { description: 'When it was heard of last; one that is silent for 15 seconds is not shown.' }) heartbeatAt!: Date;
}
