import { In, type EntityManager } from 'typeorm';
import type { Queryable } from '../jobs/index.js';
import { AttemptLostError, type Attempt } from './attempt.js';
import { RunStepEntity } from './run.entity.js';

export interface StepStart {
  readonly position: number;
  readonly name: string;
  readonly kind: string;
  readonly statement?: string;
}

export interface StepRows {
  readonly rowsIn?: number | bigint;
  readonly rowsOut?: number | bigint;
}

/** The steps of several runs, each list in order, in the order of the ids. */
export async function stepsOf(manager: EntityManager, runIds: readonly string[]): Promise<RunStepEntity[][]> {
  const steps = await manager.find(RunStepEntity, { where: { runId: In([...runIds]) }, order: { position: 'ASC' } });
  const byRun = Map.groupBy(steps, (step) => step.runId);
  return runIds.map((id) => byRun.get(id) ?? []);
}

/** @throws AttemptLostError */
export async function startStep(db: Queryable, run: Attempt, step: StepStart): Promise<void> {
  const written = await db.query(
    `INSERT INTO headgate.run_step (run_id, position, name, kind, status, attempt, started_at, statement)
     SELECT id, $3, $4, $5, 'RUNNING', attempt, clock_timestamp(), $6 FROM headgate.run WHERE id = $1 AND attempt = $2 AND status = 'RUNNING'
     ON CONFLICT (run_id, position) DO UPDATE SET name = excluded.name, kind = excluded.kind, status = excluded.status, attempt = excluded.attempt,
       started_at = excluded.started_at, finished_at = NULL, rows_in = NULL, rows_out = NULL, statement = excluded.statement
     RETURNING run_id`,
    [run.id, run.attempt, step.position, step.name, step.kind, step.statement ?? null],
  );
  if (written.length === 0) throw new AttemptLostError(run.id);
}

/** @throws AttemptLostError */
export async function finishStep(db: Queryable, run: Attempt, position: number, rows: StepRows): Promise<void> {
  const written = await db.query(
    `UPDATE headgate.run_step step SET status = 'SUCCEEDED', finished_at = clock_timestamp(), rows_in = $4, rows_out = $5
     FROM headgate.run WHERE step.run_id = $1 AND step.position = $3 AND run.id = $1 AND run.attempt = $2 AND run.status = 'RUNNING' RETURNING step.run_id`,
    [run.id, run.attempt, position, rows.rowsIn?.toString() ?? null, rows.rowsOut?.toString() ?? null],
  );
  if (written.length === 0) throw new AttemptLostError(run.id);
}

/** Those that ran when the attempt ended have ended with it. */
export async function failSteps(db: Queryable, runId: string): Promise<void> {
  await db.query("UPDATE headgate.run_step SET status = 'FAILED', finished_at = now() WHERE run_id = $1 AND status = 'RUNNING'", [runId]);
}
