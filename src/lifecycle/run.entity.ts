import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { RunError } from './run-error.js';

export type RunKind = 'INGESTION' | 'PIPELINE' | 'QUALITY';
export type RunStatus = 'QUEUED' | 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'CANCELLED';

/** One piece of long work, from its request to its end. Counts of rows are decimal strings (bigint). */
@Entity({ name: 'run', schema: 'headgate' })
@Index(['dataset', 'createdAt'])
export class RunEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('text') kind!: RunKind;
  @Column('text') status!: RunStatus;
  @Column('text', { nullable: true }) dataset!: string | null;
  @Column('text', { nullable: true }) pipeline!: string | null;
  /** What collects, and the partition of its source that this run takes. */
  @Column('text', { nullable: true }) collector!: string | null;
  @Column('text', { nullable: true }) partition!: string | null;
  /** The run that this one repeats or goes on with. */
  @Column('uuid', { name: 'parent_id', nullable: true }) parentId!: string | null;
  /** What was asked: mode, format, source ... Never content, never a secret. */
  @Column('jsonb') input!: Record<string, unknown>;
  @Column('text', { name: 'requested_by' }) requestedBy!: string;
  /** The credential by which it was asked for; null where there was none. */
  @Column('text', { name: 'requested_with', nullable: true }) requestedWith!: string | null;
  @Column('text', { name: 'idempotency_key', nullable: true }) idempotencyKey!: string | null;
  /** False when the work can't be begun again elsewhere: an upload's stream ends with its process. */
  @Column('boolean') resumable!: boolean;
  /** Raised each time a worker takes it: a worker that lost it can no longer write its outcome. */
  @Column('integer') attempt!: number;
  @Column('text', { nullable: true }) worker!: string | null;
  @Column('timestamptz', { name: 'heartbeat_at', nullable: true }) heartbeatAt!: Date | null;
  @Column('timestamptz', { name: 'created_at' }) createdAt!: Date;
  @Column('timestamptz', { name: 'started_at', nullable: true }) startedAt!: Date | null;
  @Column('timestamptz', { name: 'finished_at', nullable: true }) finishedAt!: Date | null;
  @Column('bigint', { name: 'rows_read' }) rowsRead!: string;
  @Column('bigint', { name: 'rows_loaded' }) rowsLoaded!: string;
  @Column('bigint', { name: 'rows_quarantined' }) rowsQuarantined!: string;
  @Column('bigint', { name: 'rows_deduplicated' }) rowsDeduplicated!: string;
  @Column('bigint', { name: 'bytes_read' }) bytesRead!: string;
  @Column('bigint', { name: 'bytes_total', nullable: true }) bytesTotal!: string | null;
  @Column('text', { name: 'error_code', nullable: true }) errorCode!: string | null;
  @Column('text', { name: 'error_message', nullable: true }) errorMessage!: string | null;
  @Column('jsonb', { name: 'error_details', nullable: true }) errorDetails!: Record<string, unknown> | null;
  /** From -100 to 100: the highest is taken first. */
  @Column('integer') priority!: number;
  /** Runs of one group run side by side no more than `groupLimit`. */
  @Column('text', { name: 'group_id', nullable: true }) groupId!: string | null;
  @Column('integer', { name: 'group_limit', nullable: true }) groupLimit!: number | null;
  /** When the attempt of now, or the last one, began. */
  @Column('timestamptz', { name: 'claimed_at', nullable: true }) claimedAt!: Date | null;
  /** Tries that failed of something that may pass. */
  @Column('integer') tries!: number;
  /** Attempts that ended with their worker. */
  @Column('integer') lapses!: number;
  /** While it waits to be tried again: no worker takes it earlier. */
  @Column('timestamptz', { name: 'not_before', nullable: true }) notBefore!: Date | null;
  /** Of the last try that failed and was followed by another. */
  @Column('jsonb', { name: 'last_error', nullable: true }) lastError!: RunError | null;
  /** When it was given up, though it might have succeeded later: it can be redriven. */
  @Column('timestamptz', { name: 'dead_lettered_at', nullable: true }) deadLetteredAt!: Date | null;
  /** The run that does again what this one was given up for. */
  @Column('uuid', { name: 'redriven_as', nullable: true }) redrivenAs!: string | null;
  /** The run for which its inline content was kept, where that is another one. */
  @Column('uuid', { name: 'content_of', nullable: true }) contentOf!: string | null;
  /** When its content was given, where that was before it was made. */
  @Column('timestamptz', { name: 'given_at', nullable: true }) givenAt!: Date | null;
}

/** One step of a run, in order. */
@Entity({ name: 'run_step', schema: 'headgate' })
export class RunStepEntity {
  @PrimaryColumn('uuid', { name: 'run_id' }) runId!: string;
  @PrimaryColumn('integer') position!: number;
  @Column('text') name!: string;
  @Column('text') kind!: string;
  @Column('text') status!: RunStatus;
  @Column('integer') attempt!: number;
  @Column('timestamptz', { name: 'started_at', nullable: true }) startedAt!: Date | null;
  @Column('timestamptz', { name: 'finished_at', nullable: true }) finishedAt!: Date | null;
  @Column('bigint', { name: 'rows_in', nullable: true }) rowsIn!: string | null;
  @Column('bigint', { name: 'rows_out', nullable: true }) rowsOut!: string | null;
  @Column('text', { nullable: true }) statement!: string | null;
}
