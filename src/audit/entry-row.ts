/** A fact with its id and time, by the columns of the record, as it is read back to be sealed. */
export interface EntryRow {
  readonly id: string;
  /** RFC 3339 with milliseconds, UTC. */
  readonly at: string;
  readonly principal: string;
  readonly roles: readonly string[];
  readonly purpose: string | null;
  readonly action: string;
  readonly dataset: string | null;
  readonly fields: readonly string[];
  readonly masked: readonly string[];
  readonly decision: string;
  readonly row_count: number | null;
  readonly operation_hash: string | null;
  readonly duration_ms: number | null;
  readonly details: Readonly<Record<string, unknown>>;
}

/** `Transaction.query`, or anything like it. */
export type Query = <Row extends object>(this: void, text: string, values?: readonly unknown[]) => Promise<Row[]>;
