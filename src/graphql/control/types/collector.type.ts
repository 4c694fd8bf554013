import { Field, Float, ObjectType } from 'type-graphql';
import { scheduleOf, type ScheduleState } from '../../../jobs/index.js';
import type { Collector as CollectorInForce, PartitionState } from '../../../ingestion/index.js';
import { BigIntScalar, DateTimeScalar, JsonScalar } from '../../scalars.js';
import { LoadModeEnum } from './enums.js';
import { Schedule } from './schedule.type.js';

@ObjectType({ description: 'One partition of what a collector collects: where it is, and how far behind.' })
export class CollectorPartition {
  @Field(() => String, { description: 'Empty where the source has but one.' }) partition!: string;
  @Field(() => JsonScalar, { nullable: true, description: 'What the next batch begins after; null before the first, and for who may not know all names.' })
  position!: unknown;
  @Field(() => DateTimeScalar, { nullable: true, description: 'When a batch last landed.' }) updatedAt!: Date | null;
  @Field(() => BigIntScalar, { nullable: true, description: 'Messages that wait, where that is known.' }) lagMessages!: string | null;
  @Field(() => Float, { nullable: true, description: 'For how long the oldest of them has waited, where that is known.' }) lagSeconds!: number | null;
  @Field(() => BigIntScalar, {
    nullable: true,
    description: 'Bytes of the log of a PostgreSQL that were written since what the collector confirmed, and are kept for it there.',
  })
  lagBytes!: string | null;
  @Field(() => Float, { nullable: true, description: 'Rows per second, of the last seconds of a stream.' }) rowsPerSecond!: number | null;
  @Field(() => BigIntScalar, { nullable: true, description: 'Messages of a stream that were gone before they were read: expired, trimmed or deleted.' })
  missed!: string | null;
  @Field(() => String, { nullable: true, description: 'Why nothing is collected now.' }) problem!: string | null;
  runId!: string | null;
}

@ObjectType({ description: 'What brings rows of a source into a dataset by itself.' })
export class Collector {
  @Field(() => String) name!: string;
  @Field(() => String, { nullable: true }) description?: string | undefined;
  /** A name; the resolver gives the dataset. */
  datasetName!: string;
  @Field(() => String, { description: 'The name of the source.' }) source!: string;
  @Field(() => LoadModeEnum) mode!: keyof typeof LoadModeEnum;
  @Field(() => Boolean) paused!: boolean;
  @Field(() => Schedule, { nullable: true }) schedule?: Schedule | undefined;
  @Field(() => DateTimeScalar, { nullable: true, description: 'When its schedule starts it next; null while it is paused.' }) nextRunAt?: Date | undefined;
  @Field(() => String) updatedBy!: string;
  @Field(() => DateTimeScalar) updatedAt!: Date;
}

export function toCollector({ spec, updatedBy, updatedAt }: CollectorInForce, next: Pick<ScheduleState, 'nextAt'> | undefined): Collector {
  const { name, description, dataset, source, mode = 'append', paused = false } = spec;
  const schedule = spec.schedule === undefined ? undefined : scheduleOf(spec.schedule);
  const facts = { name, description, datasetName: dataset, source, mode, paused, schedule, nextRunAt: next?.nextAt, updatedBy, updatedAt };
  return Object.assign(new Collector(), facts);
}

export function toPartition({ collector: _, position, problem, ...state }: PartitionState, isTold: boolean): CollectorPartition {
  // It may name what is secret, as the error of a run.
  const why = isTold || problem === null ? problem : 'Why is for those who may know all names in it: engineers and admins.';
  return Object.assign(new CollectorPartition(), { ...state, position: isTold ? position : null, problem: why });
}
