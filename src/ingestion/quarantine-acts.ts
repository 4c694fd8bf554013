import type { Actor, AuditLog } from '../audit/index.js';
import { holdsOn, isHeld, loadHolds, rawIsAbout, type Dataset } from '../catalog/index.js';
import { HeadgateError } from '../kernel/index.js';
import { param, raw, render, sql, type Sql } from '../sql/index.js';
import type { Database, Transaction } from '../store/index.js';
import { quarantineCondition } from './quarantine-filter.js';

const LONGEST_REASON = 1_000;
/** Rows of one request that are named one by one. */
export const MOST_IDS = 10_000;

/** What is done with rows of the quarantine that are not to be loaded. Whether the principal may is for the caller to check before. */
export class QuarantineActs {
  readonly #database: Database;
  readonly #audit: Pick<AuditLog, 'recordIn'>;

  constructor({ database, audit }: { readonly database: Database; readonly audit: Pick<AuditLog, 'recordIn'> }) {
    this.#database = database;
    this.#audit = audit;
  }

  /**
   * Says of rows that nobody wants them: their values are taken away, the rest stays until it expires. Rows that were discarded
   * before, loaded or erased are no part of it. Returns how many were.
   * @throws HeadgateError BAD_USER_INPUT without a reason; CONFLICT for a legal hold on the dataset, or on whom one of the rows is about
   */
  async discard(dataset: Dataset, ids: readonly string[], reason: string, actor: Actor): Promise<number> {
    const why = reason.trim();
    if (why === '' || why.length > LONGEST_REASON)
      throw new HeadgateError('BAD_USER_INPUT', `reason: expected 1 to ${LONGEST_REASON} characters.`, { path: 'reason' });
    return this.#database.transaction(async (tx) => {
      const [hold] = await holdsOn(tx, dataset.name);
      const chosen = quarantineCondition(dataset.id, { ids, state: 'OPEN' });
      if (hold !== undefined) throw held(dataset.name, hold.name);
      const heldRows = await heldSubjects(tx, dataset);
      if (heldRows && (await any(tx, sql`SELECT 1 FROM headgate.quarantined_row q WHERE ${chosen} AND ${heldRows}`))) throw held(dataset.name);
      const { text, values } = render(
        sql`UPDATE headgate.quarantined_row q SET state = 'DISCARDED', raw = '{}', discarded_by = ${param(actor.subject, 'text')}, discarded_at = now(), discard_reason = ${param(why, 'text')} WHERE ${chosen}`,
      );
      const { rowCount } = await tx.client.query(text, [...values]);
      await this.#audit.recordIn(tx, {
        actor,
        action: 'quarantine.discard',
        dataset: dataset.name,
        decision: 'ALLOWED',
        rowCount: rowCount ?? 0,
        details: { reason: why },
      });
      return rowCount ?? 0;
    });
  }
}

/** Of `headgate.quarantined_row q`: rows about a person whom a legal hold keeps; undefined when there is none. */
export async function heldSubjects(tx: Pick<Transaction, 'query'>, dataset: Dataset): Promise<Sql | undefined> {
  const field = dataset.fields.find(({ name }) => name === dataset.subject);
  const subjects = (await loadHolds(tx)).filter((hold) => isHeld(hold)).flatMap(({ subjects: kept = [] }) => kept);
  if (!field || subjects.length === 0) return undefined;
  const names = param(subjects, 'text[]');
  return sql`(${rawIsAbout(field, raw('q.raw'), (text) => sql`${text} = ANY (${names})`)}) IS TRUE`;
}

async function any(tx: Transaction, statement: Sql): Promise<boolean> {
  const { text, values } = render(sql`${statement} LIMIT 1`);
  return (await tx.query(text, values)).length > 0;
}

function held(dataset: string, hold?: string): HeadgateError {
  const which = hold === undefined ? 'a legal hold is on a person whom one of the rows is about' : `the legal hold "${hold}" is on ${dataset}`;
  return new HeadgateError('CONFLICT', `Nothing was discarded: ${which}. A steward can lift it.`, { dataset, ...(hold !== undefined && { hold }) });
}
