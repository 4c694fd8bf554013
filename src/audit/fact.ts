/** Who did it, as it is recorded; a Principal is one. */
export interface Actor {
  readonly subject: string;
  readonly roles: readonly string[];
  readonly purpose?: string;
}

export type Decision = 'ALLOWED' | 'DENIED' | 'FAILED';

/** One act, before it is recorded. It never holds a value of data: names, counts, hashes and codes only. */
export interface AuditFact {
  readonly actor: Actor;
  /** `read`, `ingest`, `apply`, `pipeline.run`, `quality.check`, `token.create`, `login`, `verify` ... */
  readonly action: string;
  readonly dataset?: string;
  /** Fields read plain. */
  readonly fields?: readonly string[];
  /** Fields read through a mask. */
  readonly masked?: readonly string[];
  readonly decision: Decision;
  readonly rowCount?: number;
  /** SHA-256 of the operation's text, hex. */
  readonly operationHash?: string;
  readonly durationMs?: number;
  /** Small facts beside: an error code, a run's id, a grant's name. */
  readonly details?: Readonly<Record<string, unknown>>;
}
