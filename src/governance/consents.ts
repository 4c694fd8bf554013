import type { Actor, AuditFact, AuditLog } from '../audit/index.js';
import { didYouMean, listOf } from '../catalog/index.js';
import { HeadgateError, newId } from '../kernel/index.js';
import type { Database, KeyRing, Transaction } from '../store/index.js';
import { subjectReference } from '../vault/index.js';
import { findConsents, type Consent } from './consent.js';
import { checkConsent, type ConsentRequest } from './consent-request.js';

export interface ConsentsOptions {
  readonly database: Database;
  readonly audit: Pick<AuditLog, 'record' | 'recordIn'>;
  /** See `subjectReference`. */
  readonly referenceOf: (subject: string) => string;
}

/** Consents that can be recorded at once. */
const MOST_AT_ONCE = 1_000;
/** Of a person, the newest; whoever has more recorded for one uses it for something else. */
const LONGEST_HISTORY = 1_000;

const OPEN = 'withdrawn_at IS NULL AND (valid_until IS NULL OR valid_until > statement_timestamp())';

/**
 * Who has consented to what. A change holds for every statement that begins after it is committed, in all processes: reads
 * look consents up in the database, and no answer that depends on them is kept. Each change is on the record with it,
 * under a keyed hash of the person.
 */
export class Consents {
  readonly #options: ConsentsOptions;

  constructor(options: ConsentsOptions) {
    this.#options = options;
  }

  /**
   * Records one more period; what was recorded before stays. It is in force at a moment when any period is.
   * @throws HeadgateError BAD_USER_INPUT with `path`, for a purpose that is not there too.
   */
  async record(request: ConsentRequest, actor: Actor): Promise<Consent> {
    const [consent] = await this.#record([request], actor, () => '');
    if (!consent) throw new Error('what was recorded is not there');
    return consent;
  }

  /** All of them, or none. Returns how many. @throws HeadgateError as `record`. */
  async recordAll(requests: readonly ConsentRequest[], actor: Actor): Promise<number> {
    if (requests.length > MOST_AT_ONCE)
      throw new HeadgateError('BAD_USER_INPUT', `inputs: expected at most ${MOST_AT_ONCE}, and ${requests.length} came. Send them in several requests.`, {
        path: 'inputs',
      });
    return (await this.#record(requests, actor, (i) => `inputs.${i}`)).length;
  }

  async #record(requests: readonly ConsentRequest[], actor: Actor, at: (i: number) => string): Promise<Consent[]> {
    const { database, audit } = this.#options;
    requests.forEach((request, i) => checkConsent(request, at(i)));
    const rows = requests.map((request) => ({ id: newId(), ...request }));
    return database.transaction(async (tx) => {
      await checkPurposes(tx, requests, at);
      await tx.query(
        `INSERT INTO headgate.consent (id, subject, purpose, valid_from, valid_until, source, recorded_by)
         SELECT id, subject, purpose, coalesce(valid_from, statement_timestamp()), valid_until, source, $7
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::text[]) AS c (id, subject, purpose, valid_from, valid_until, source)`,
        [
          rows.map(({ id }) => id),
          rows.map(({ subject }) => subject),
          rows.map(({ purpose }) => purpose),
          rows.map(({ from }) => from ?? null),
          rows.map(({ until }) => until ?? null),
          rows.map(({ source }) => source ?? null),
          actor.subject,
        ],
      );
      await audit.recordIn(tx, ...rows.map(({ id, ...request }) => this.#fact('consent.record', actor, request, { consent: id })));
      return findConsents(tx, 'id = ANY($1)', [rows.map(({ id }) => id)]);
    });
  }

  /**
   * Ends all that the person has consented to for the purpose, what was to begin later too. Doing it twice does it once; what
   * is recorded after it holds again. Returns the newest period that it ended, or that was ended before.
   * @throws HeadgateError BAD_USER_INPUT; NOT_FOUND when nothing was ever recorded.
   */
  async withdraw(request: Pick<ConsentRequest, 'subject' | 'purpose'>, actor: Actor): Promise<Consent> {
    const { database, audit } = this.#options;
    const { subject, purpose } = request;
    checkConsent({ subject, purpose }, '');
    return database.transaction(async (tx) => {
      const ended = await tx.query<{ id: string }>(
        `UPDATE headgate.consent SET withdrawn_at = statement_timestamp(), withdrawn_by = $3 WHERE subject = $1 AND purpose = $2 AND ${OPEN} RETURNING id`,
        [subject, purpose, actor.subject],
      );
      await audit.recordIn(tx, this.#fact('consent.withdraw', actor, request, { ended: ended.length }));
      const newest = 'subject = $1 AND purpose = $2 ORDER BY withdrawn_at DESC NULLS LAST, recorded_at DESC, id DESC LIMIT 1';
      const [consent] = await findConsents(tx, newest, [subject, purpose]);
      if (consent) return consent;
      throw new HeadgateError('NOT_FOUND', `No consent of this person to ${purpose} was ever recorded. Look at how the datasets write their subject.`, {
        purpose,
      });
    });
  }

  /** All that was ever recorded of a person, newest first; of one who was erased, what is kept as a proof. It is on the record. */
  async historyOf(subject: string, actor: Actor): Promise<Consent[]> {
    checkConsent({ subject, purpose: 'any' }, '');
    const { database, audit, referenceOf } = this.#options;
    const reference = referenceOf(subject);
    const newest = `subject = $1 OR subject_reference = $2 ORDER BY recorded_at DESC, id DESC LIMIT ${LONGEST_HISTORY}`;
    const consents = await findConsents(database, newest, [subject, reference]);
    await audit.record({ actor, action: 'consent.list', decision: 'ALLOWED', rowCount: consents.length, details: { subject: reference } });
    return consents;
  }

  #fact(action: string, actor: Actor, { subject, purpose }: Pick<ConsentRequest, 'subject' | 'purpose'>, more: Readonly<Record<string, unknown>>): AuditFact {
    return { actor, action, decision: 'ALLOWED', details: { subject: this.#options.referenceOf(subject), purpose, ...more } };
  }
}

/**
 * For the erasure of a person, within its transaction: their consents are in force no more, and of each the purpose and the
 * dates stay under a reference, as the proof that what was done with the data was lawful. Twice is once. Returns how many.
 */
export async function forgetConsents(tx: Transaction, keyRing: KeyRing, subject: string): Promise<number> {
  const { rowCount } = await tx.client.query('UPDATE headgate.consent SET subject = NULL, subject_reference = $2, source = NULL WHERE subject = $1', [
    subject,
    subjectReference(keyRing, subject),
  ]);
  return rowCount ?? 0;
}

async function checkPurposes(tx: Transaction, requests: readonly ConsentRequest[], at: (i: number) => string): Promise<void> {
  // Held against removal, since nothing else would tell of it.
  const found = await tx.query<{ name: string }>('SELECT name FROM headgate.purpose WHERE name = ANY($1) ORDER BY name FOR KEY SHARE', [
    [...new Set(requests.map(({ purpose }) => purpose))],
  ]);
  const known = new Set(found.map(({ name }) => name));
  const wrong = requests.findIndex(({ purpose }) => !known.has(purpose));
  const request = requests[wrong];
  if (!request) return;
  const all = (await tx.query<{ name: string }>('SELECT name FROM headgate.purpose ORDER BY name')).map(({ name }) => name);
  const path = at(wrong) === '' ? 'purpose' : `${at(wrong)}.purpose`;
  throw new HeadgateError('BAD_USER_INPUT', `${path}: there is no purpose "${request.purpose}".${didYouMean(request.purpose, all)} Known: ${listOf(all)}.`, {
    path,
  });
}
