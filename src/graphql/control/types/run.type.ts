import { Field, Float, ID, Int, ObjectType } from 'type-graphql';
import { priorityOf, type RunEntity, type RunKind, type RunPriority, type RunStatus, type RunStepEntity } from '../../../lifecycle/index.js';
import { BigIntScalar, DateTimeScalar, JsonScalar } from '../../scalars.js';
import { RunKindEnum, RunPriorityEnum, RunStatusEnum } from './enums.js';
import { connectionTypes } from './page.js';

@ObjectType({ description: 'Why a run failed.' })
export class RunError {
  @Field(() => String, { description: 'One of the stable codes of docs/errors.md.' }) code!: string;
  @Field(() => String) message!: string;
  @Field(() => JsonScalar, { nullable: true, description: 'Where it is: line, column, field; never a value.' }) details?: unknown;
}

@ObjectType()
export class RunStep {
  @Field(() => Int) position!: number;
  @Field(() => String) name!: string;
  @Field(() => String) kind!: string;
  @Field(() => RunStatusEnum) status!: RunStatus;
  @Field(() => DateTimeScalar, { nullable: true }) startedAt!: Date | null;
  @Field(() => DateTimeScalar, { nullable: true }) finishedAt!: Date | null;
  @Field(() => Float, { nullable: true }) seconds!: number | null;
  @Field(() => BigIntScalar, { nullable: true }) rowsIn!: string | null;
  @Field(() => BigIntScalar, { nullable: true }) rowsOut!: string | null;
  @Field(() => String, { nullable: true, description: 'The SQL that ran.' }) statement!: string | null;
}

@ObjectType({ description: 'One piece of long work, from its request to its end. rowsRead = rowsLoaded + rowsQuarantined + rowsDeduplicated.' })
export class Run {
  @Field(() => ID) id!: string;
  @Field(() => RunKindEnum) kind!: RunKind;
  @Field(() => RunStatusEnum) status!: RunStatus;
  /** The credential that it was asked for with. */
  requestedWith!: string | null;
  /** Names; the resolvers give the objects. */
  datasetName!: string | null;
  pipelineName!: string | null;
  collectorName!: string | null;
  @Field(() => String, { nullable: true, description: 'The partition of its source that this run takes.' }) partition!: string | null;
  @Field(() => String) requestedBy!: string;
  @Field(() => Int, { description: 'How often a worker took it.' }) attempt!: number;
  @Field(() => DateTimeScalar) createdAt!: Date;
  @Field(() => DateTimeScalar, { nullable: true }) startedAt!: Date | null;
  @Field(() => DateTimeScalar, { nullable: true }) finishedAt!: Date | null;
  @Field(() => BigIntScalar) rowsRead!: string;
  @Field(() => BigIntScalar) rowsLoaded!: string;
  @Field(() => BigIntScalar) rowsQuarantined!: string;
  @Field(() => BigIntScalar) rowsDeduplicated!: string;
  @Field(() => BigIntScalar) bytesRead!: string;
  @Field(() => Float, { nullable: true, description: 'Rows a second, from the start of its last attempt to the end or until now.' }) throughput!: number | null;
  @Field(() => Float, { nullable: true, description: 'From 0 to 1; null while the size is not known.' }) progress!: number | null;
  @Field(() => RunError, { nullable: true }) error!: RunError | null;
  @Field(() => RunError, { nullable: true, description: 'Why the try before this one failed; the run was queued again, since it may pass.' })
  lastError!: RunError | null;
  @Field(() => DateTimeScalar, { nullable: true, description: 'Before which it is not tried again; null when it waits for nothing but a worker.' })
  nextAttemptAt!: Date | null;
  @Field(() => RunPriorityEnum) priority!: RunPriority;
  @Field(() => Boolean, { description: 'It was given up, though it might succeed later: redriveRuns does it again.' }) deadLetter!: boolean;
  @Field(() => ID, { nullable: true, description: 'The run that this one repeats or goes on with.' }) parentId!: string | null;
  @Field(() => ID, { nullable: true, description: 'The run that does again what this one was given up for.' }) redrivenAs!: string | null;
}

export const { Connection: RunConnection } = connectionTypes(() => Run, 'Run');

export function toRun(entity: RunEntity): Run {
  const seconds = secondsBetween(entity.claimedAt ?? entity.startedAt, entity.finishedAt ?? new Date());
  const total = Number(entity.bytesTotal ?? 0);
  return Object.assign(new Run(), {
    id: entity.id,
    kind: entity.kind,
    status: entity.status,
    datasetName: entity.dataset,
    pipelineName: entity.pipeline,
    collectorName: entity.collector,
    partition: entity.partition,
    requestedBy: entity.requestedBy,
    requestedWith: entity.requestedWith,
    attempt: entity.attempt,
    createdAt: entity.createdAt,
    startedAt: entity.startedAt,
    finishedAt: entity.finishedAt,
    rowsRead: entity.rowsRead,
    rowsLoaded: entity.rowsLoaded,
    rowsQuarantined: entity.rowsQuarantined,
    rowsDeduplicated: entity.rowsDeduplicated,
    bytesRead: entity.bytesRead,
    throughput: seconds ? Number(entity.rowsRead) / seconds : null,
    progress: entity.status === 'SUCCEEDED' ? 1 : total > 0 ? Math.min(1, Number(entity.bytesRead) / total) : null,
    error: entity.errorCode === null ? null : { code: entity.errorCode, message: entity.errorMessage ?? '', details: entity.errorDetails },
    lastError: entity.lastError,
    nextAttemptAt: entity.status === 'QUEUED' ? entity.notBefore : null,
    priority: priorityOf(entity.priority),
    deadLetter: entity.deadLetteredAt !== null && entity.redrivenAs === null,
    parentId: entity.parentId,
    redrivenAs: entity.redrivenAs,
  });
}

export function toRunStep(entity: RunStepEntity): RunStep {
  const { position, name, kind, status, startedAt, finishedAt, rowsIn, rowsOut, statement } = entity;
  return { position, name, kind, status, startedAt, finishedAt, seconds: secondsBetween(startedAt, finishedAt), rowsIn, rowsOut, statement };
}

function secondsBetween(from: Date | null, to: Date | null): number | null {
  return from && to ? (to.getTime() - from.getTime()) / 1000 : null;
}
