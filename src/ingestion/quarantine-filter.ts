import { literal, join, param, raw, sql, type Sql } from '../sql/index.js';

/** Discarded: nobody wants it any more, and its values are gone. */
export type QuarantineState = 'OPEN' | 'DISCARDED';

/** What reasons have in common; null for one about the whole row. */
export interface ReasonKind {
  readonly field: string | null;
  readonly rule: string | null;
  /** Of rows that were refused under this version of the contract or a later one. */
  readonly since?: number;
}

/** Which rows of a dataset's quarantine are wanted. */
export interface QuarantineFilter {
  /** Refused by this run, at first or when it was tried again. */
  readonly run?: string | undefined;
  /** With a reason of one of these kinds; a rule that is null is any. */
  readonly reasons?: readonly ReasonKind[] | undefined;
  readonly state?: QuarantineState | undefined;
  readonly ids?: readonly string[] | undefined;
}

/** How many rows have a reason of one kind. */
export interface QuarantineCount {
  readonly state: QuarantineState;
  readonly field: string | null;
  readonly rule: string;
  readonly count: number;
}

/** Over `headgate.quarantined_row q`. */
export function quarantineCondition(datasetId: string, { run, reasons, state, ids }: QuarantineFilter): Sql {
  const conditions = [sql`q.dataset_id = ${param(datasetId, 'uuid')}`];
  if (run !== undefined) conditions.push(sql`${param(run, 'uuid')} IN (q.run_id, q.last_run_id)`);
  if (state !== undefined) conditions.push(sql`q.state = ${literal(state)}`);
  if (ids !== undefined) conditions.push(sql`q.id = ANY (${param(ids, 'bigint[]')})`);
  if (reasons !== undefined) {
    const any = reasons.map(({ field, rule, since }) => {
      const has = sql`q.reasons @> ${param(JSON.stringify([{ field, ...(rule !== null && { rule }) }]), 'jsonb')}`;
      return since === undefined ? has : sql`(${has} AND q.contract_version >= ${param(since, 'int')})`;
    });
    conditions.push(any.length > 0 ? sql`(${join(any, ' OR ')})` : raw('false'));
  }
  return join(conditions, ' AND ');
}
