import { HeadgateError, newId } from '../kernel/index.js';
import type { Transaction } from '../store/index.js';
import { checkGroup } from './run-jobs.js';
import type { RunRequest } from './run-request.js';
import { RunEntity } from './run.entity.js';

/** What a new run has beside what was asked for. */
interface Given extends Pick<RunEntity, 'status' | 'resumable' | 'attempt'> {
  readonly worker?: string;
  /** The run whose inline content it has, and when that was given. */
  readonly content?: { readonly of: string; readonly givenAt: Date } | undefined;
}

/**
 * Writes a run, or finds the one that its idempotency key made before.
 * @throws HeadgateError CONFLICT when that one has just ended
 */
export async function insertRun(tx: Transaction, request: RunRequest, given: Given): Promise<{ readonly run: RunEntity; readonly created: boolean }> {
  if (request.group) checkGroup(request.group);
  // Milliseconds, as JavaScript's dates have them: the list's cursor must be able to say exactly this.
  const now = new Date();
  const running = given.status === 'RUNNING';
  const columns: Readonly<Record<string, unknown>> = {
    id: newId(now.getTime()),
    kind: request.kind,
    status: given.status,
    dataset: request.dataset ?? null,
    pipeline: request.pipeline ?? null,
    input: JSON.stringify({ ...request.input, ...(request.collected?.isStream && { stream: true }) }),
    requested_by: request.requestedBy,
    requested_with: request.requestedWith ?? null,
    idempotency_key: request.idempotencyKey ?? null,
    resumable: given.resumable,
    attempt: given.attempt,
    worker: given.worker ?? null,
    heartbeat_at: running ? now : null,
    created_at: now,
    started_at: running ? now : null,
    claimed_at: running ? now : null,
    bytes_total: request.bytesTotal?.toString() ?? null,
    priority: request.priority ?? 0,
    group_id: request.group?.id ?? null,
    group_limit: request.group?.limit ?? null,
    collector: request.collected?.collector ?? null,
    partition: request.collected?.partition ?? null,
    parent_id: request.parentId ?? null,
    content_of: given.content?.of ?? null,
    given_at: given.content?.givenAt ?? null,
  };
  const names = Object.keys(columns);
  const [inserted] = await tx.query<{ id: string }>(
    `INSERT INTO headgate.run (${names.join(', ')}) VALUES (${names.map((_, i) => `$${i + 1}`).join(', ')}) ON CONFLICT DO NOTHING RETURNING id`,
    Object.values(columns),
  );
  if (inserted) return { run: await tx.manager.findOneByOrFail(RunEntity, { id: inserted.id }), created: true };
  const [existing] = await tx.query<{ id: string }>(
    `SELECT id FROM headgate.run WHERE (dataset = $1 AND idempotency_key = $2 AND status NOT IN ('FAILED', 'CANCELLED'))
       OR (collector = $3 AND partition = $4 AND status IN ('QUEUED', 'RUNNING'))`,
    [request.dataset ?? null, request.idempotencyKey ?? null, request.collected?.collector ?? null, request.collected?.partition ?? null],
  );
  // The other run failed in the moment between.
  if (!existing) throw new HeadgateError('CONFLICT', 'A run with this idempotency key has just ended. Send the request again.', { dataset: request.dataset });
  return { run: await tx.manager.findOneByOrFail(RunEntity, { id: existing.id }), created: false };
}
