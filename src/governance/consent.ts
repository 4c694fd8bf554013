import type { Database, Transaction } from '../store/index.js';

/** One period for which a person has consented to a purpose, as it was recorded. */
export interface Consent {
  readonly id: string;
  /** The text of the value in the datasets' subject fields; null once the person was erased. */
  readonly subject: string | null;
  readonly purpose: string;
  readonly from: Date;
  /** Null: until it is withdrawn. */
  readonly until: Date | null;
  /** Where the evidence is: a form, a letter, a call. */
  readonly source: string | null;
  readonly recordedBy: string;
  readonly recordedAt: Date;
  readonly withdrawnBy: string | null;
  readonly withdrawnAt: Date | null;
  /** At the moment of the question, by the clock of the database, as reads have it. */
  readonly inForce: boolean;
}

/** @param condition constant SQL over headgate.consent, with what else the query ends in */
export async function findConsents(from: Pick<Database | Transaction, 'query'>, condition: string, values: readonly unknown[]): Promise<Consent[]> {
  return from.query<Consent & Record<string, unknown>>(
    `SELECT id, subject, purpose, valid_from AS "from", valid_until AS "until", source, recorded_by AS "recordedBy", recorded_at AS "recordedAt",
       withdrawn_by AS "withdrawnBy", withdrawn_at AS "withdrawnAt",
       subject IS NOT NULL AND withdrawn_at IS NULL AND valid_from <= statement_timestamp()
         AND (valid_until IS NULL OR valid_until > statement_timestamp()) AS "inForce"
     FROM headgate.consent WHERE ${condition}`,
    values,
  );
}
