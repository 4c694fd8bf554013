import { Field, ObjectType } from 'type-graphql';
import type { CatchUp } from '../../../jobs/index.js';
import { CatchUpEnum } from './enums.js';

@ObjectType({ description: 'When something is started again and again.' })
export class Schedule {
  @Field(() => String, { description: 'Minute, hour, day of the month, month, day of the week.' }) cron!: string;
  @Field(() => String) timeZone!: string;
  @Field(() => CatchUpEnum) catchUp!: CatchUp;
}
