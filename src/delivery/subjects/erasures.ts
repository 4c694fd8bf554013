import type { Actor, AuditFact, AuditLog } from '../../audit/index.js';
import { HeadgateError, isHeadgateError, messageOf, newId, type Log } from '../../kernel/index.js';
import { identifier, render, sql } from '../../sql/index.js';
import type { Database, KeyRing, Transaction } from '../../store/index.js';
import { referenceKeyId, subjectReference } from '../../vault/index.js';
import type { EraseHook } from './erase-hook.js';
import { eraseEverywhere, lockForErasure } from './erase.js';
import type { ErasureLedger } from './erasure-ledger.js';
import type { ErasureReceipt } from './receipt.js';
import { checkSubject } from './subject.js';

export interface ErasuresOptions {
  readonly database: Database;
  readonly keyRing: KeyRing;
  readonly audit: Pick<AuditLog, 'record' | 'recordIn'>;
  readonly log: Log;
  readonly ledger: ErasureLedger;
  readonly hooks: readonly EraseHook[];
  /** Resolves when this process sees the data as they are now. */
  readonly onErased: () => Promise<void>;
}

/** PostgreSQL's codes for a lock that could not be had in time, and for a deadlock that it ended. */
const BUSY_CODES = ['55P03', '40P01'];
const LONGEST_REASON = 2_000;
/** A name that is this short stands in any text. */
const SHORT = 3;

/** Forgets persons, everywhere and in one transaction, and gives a receipt for it. Whether somebody may ask for it is for the caller to check. */
export class Erasures {
  readonly #options: ErasuresOptions;
  readonly #vacuums = new Set<Promise<void>>();

  constructor(options: ErasuresOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the erasure is committed and in the ledger outside the database.
   * @throws HeadgateError BAD_USER_INPUT; CONFLICT for a legal hold (`hold`) or what is in use for too long (`busy`), with nothing changed; UNAVAILABLE
   *   with `erasure` when it is done and could not be written to the ledger's file.
   */
  async erase(subjectText: string, reasonText: string, actor: Actor): Promise<ErasureReceipt> {
    const { keyRing, audit, ledger, onErased } = this.#options;
    const subject = checkSubject(subjectText);
    const reason = checkReason(reasonText, subject);
    const reference = subjectReference(keyRing, subject);
    const began = performance.now();
    let receipt: ErasureReceipt;
    try {
      receipt = await this.#transaction((tx) => this.#erase(tx, { subject, reference, reason, actor, began }));
    } catch (error) {
      const known = isHeadgateError(error) ? error : undefined;
      const hold = known?.details['hold'];
      await audit.record({
        actor,
        action: 'subject.erase',
        decision: hold === undefined ? 'FAILED' : 'DENIED',
        durationMs: performance.now() - began,
        details: { subject: reference, reason, code: known?.code ?? 'INTERNAL_SERVER_ERROR', ...(hold !== undefined && { hold }) },
      });
      throw error;
    }
    await onErased();
    this.#vacuum(receipt);
    await ledger.settle().catch((cause: unknown) => {
      const message = `The person was erased, but the ledger ${ledger.file} could not be written: ${messageOf(cause)}. It is tried again with the next erasure and when the program starts; until then a restored backup brings the person back.`;
      throw new HeadgateError('UNAVAILABLE', message, { erasure: receipt.id }, { cause });
    });
    return receipt;
  }

  /** Waits for what runs behind erasures. */
  async close(): Promise<void> {
    await Promise.all(this.#vacuums);
  }

  async #transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    try {
      return await this.#options.database.transaction(async (tx) => {
        await lockForErasure(tx);
        return work(tx);
      });
    } catch (cause) {
      if (!BUSY_CODES.includes(String((cause as { code?: unknown }).code))) throw cause;
      throw new HeadgateError(
        'CONFLICT',
        'Nothing was erased: a load or an apply is under way that takes long. Try again when it has ended.',
        { busy: true },
        { cause },
      );
    }
  }

  async #erase(tx: Transaction, { subject, reference, reason, actor, began }: Asked): Promise<ErasureReceipt> {
    const { keyRing, audit, ledger, hooks } = this.#options;
    const erased = await eraseEverywhere(tx, subject, hooks);
    const receipt: ErasureReceipt = { id: newId(), reference, at: await now(tx), by: actor.subject, reason, ...erased };
    await audit.recordIn(tx, ...erasureFacts(actor, receipt, { durationMs: performance.now() - began }));
    await ledger.record(tx, receipt, referenceKeyId(keyRing));
    return receipt;
  }

  /**
   * Deleted rows lie in the tables until they are cleaned up. PostgreSQL does so by itself, in time; here it is asked to at
   * once. When it can't, nothing is wrong.
   */
  #vacuum({ datasets, quarantined }: ErasureReceipt): void {
    const { database, log } = this.#options;
    const tables = [...datasets.map(({ dataset }) => identifier('data', dataset)), ...(quarantined > 0 ? [identifier('headgate', 'quarantined_row')] : [])];
    const work = async (): Promise<void> => {
      for (const table of tables) {
        await database.query(render(sql`VACUUM (SKIP_LOCKED) ${table}`).text).catch((error: unknown) => {
          log.warn({ reason: messageOf(error) }, 'a table could not be cleaned up after an erasure: PostgreSQL will do it in time');
        });
      }
    };
    const running = work().finally(() => this.#vacuums.delete(running));
    this.#vacuums.add(running);
  }
}

interface Asked {
  readonly subject: string;
  readonly reference: string;
  readonly reason: string;
  readonly actor: Actor;
  readonly began: number;
}

/** The moment, by the clock of the database: that of `now()` is the transaction's begin, long before all that it has waited for. */
export async function now(tx: Transaction): Promise<Date> {
  const [row] = await tx.query<{ at: Date }>('SELECT clock_timestamp()::timestamptz(3) AS at');
  return row?.at ?? new Date();
}

/** The receipt as the audit has it: one entry for the act, and one for each dataset that had something. */
export function erasureFacts(
  actor: Actor,
  receipt: ErasureReceipt,
  more: { readonly durationMs?: number; readonly details?: Readonly<Record<string, unknown>> } = {},
): AuditFact[] {
  const { id, reference, reason, datasets, quarantined, staged, others, elsewhere, recompute } = receipt;
  const of = { actor, action: 'subject.erase', decision: 'ALLOWED' } as const;
  const act: AuditFact = {
    ...of,
    rowCount: datasets.reduce((sum, { rows, nullified }) => sum + rows + nullified, quarantined + staged),
    ...(more.durationMs !== undefined && { durationMs: more.durationMs }),
    details: { ...more.details, erasure: id, subject: reference, reason, datasets, quarantined, staged, others, elsewhere, recompute },
  };
  const each = datasets.map(({ dataset, rows, nullified }): AuditFact => ({
    ...of,
    dataset,
    rowCount: rows + nullified,
    details: { ...more.details, erasure: id, subject: reference, deleted: rows, nullified },
  }));
  return [act, ...each];
}

/** @throws HeadgateError BAD_USER_INPUT for no reason, or one that names the person: it goes on the record, which forgets nothing */
function checkReason(text: string, subject: string): string {
  const reason = text.trim();
  if (reason === '' || reason.length > LONGEST_REASON)
    throw new HeadgateError('BAD_USER_INPUT', `Expected a reason of 1 to ${LONGEST_REASON} characters, such as "request of 3 March".`, { path: 'reason' });
  if (subject.length >= SHORT && reason.toLowerCase().includes(subject.toLowerCase()))
    throw new HeadgateError('BAD_USER_INPUT', 'The reason names the person, and it goes on the record, which forgets nothing. Name the request instead.', {
      path: 'reason',
    });
  return reason;
}
