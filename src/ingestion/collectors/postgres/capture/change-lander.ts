import { HeadgateError } from '../../../../kernel/index.js';
import { lsnText, type ChangedValue, type PgoutputMessage, type Relation, type ReplicationSession } from '../../../../sources/index.js';
import type { CollectJob } from '../../collect-job.js';
import { waitMsOf } from '../../collector-shape.js';
import type { PostgresPart } from '../../parts/postgres.js';
import { collectedFields, tableOfPart, type RemoteTableFacts } from '../remote-rows.js';
import type { CapturePosition } from './capture-position.js';
import { ChangeBatch, type ColumnValues } from './change-batch.js';

const BATCH_CHANGES = 10_000;
const BATCH_BYTES = 8 * 1_024 * 1_024;
const BATCH_WAIT = '200ms';
/** Where nothing comes, so often is looked whether the run goes on. */
const IDLE_MS = 5_000;
/** A transaction with more changes or bytes than so many batches has lands piece by piece: it would not fit in the memory. */
const LARGE = 5;

interface LanderOptions {
  readonly job: CollectJob;
  readonly part: PostgresPart;
  readonly facts: RemoteTableFacts;
  readonly position: CapturePosition;
  readonly session: Pick<ReplicationSession, 'confirm'>;
}

/** A transaction of the source that is on its way. */
interface Underway {
  readonly commit: string;
  readonly committedAt: Date;
  /** Its changes so far, those of other tables too. */
  changes: number;
}

/** Lands changes as they come: whole transactions together, with the place in the log behind them; and tells the source what it may forget. */
export class ChangeLander {
  readonly #options: LanderOptions;
  readonly #mostChanges: number;
  readonly #mostBytes: number;
  readonly #waitMs: number;
  readonly #relations = new Map<number, Relation>();
  /** Whether a relation is the table that is collected. */
  readonly #ours = new Map<number, boolean>();
  #batch: ChangeBatch | undefined;
  #underway: Underway | undefined;
  #position: CapturePosition;
  /** The place behind the last transaction that is in the batch as a whole. */
  #reached: { readonly lsn: bigint; readonly committedAt: Date } | undefined;
  #receivedAt = new Date();
  #since = 0;
  #toldAt = 0;

  constructor(options: LanderOptions) {
    const { rows = BATCH_CHANGES, bytes = BATCH_BYTES, wait = BATCH_WAIT } = options.job.collector.batch ?? {};
    this.#options = options;
    this.#position = options.position;
    this.#mostChanges = rows;
    this.#mostBytes = bytes;
    this.#waitMs = waitMsOf(wait);
  }

  /** How long the next message may be waited for. */
  get patienceMs(): number {
    return this.#reached && this.#batch ? Math.max(0, this.#since + this.#waitMs - performance.now()) : IDLE_MS;
  }

  /** Nothing came for the time that was told. */
  async pause(): Promise<void> {
    if (!this.#underway) await this.#land();
  }

  /** The source has sent all up to a place. */
  async heard(sentLsn: bigint, at: Date): Promise<void> {
    if (this.#underway || this.#batch) return;
    // What it sent and was not ours need not be kept for us.
    this.#options.session.confirm(sentLsn);
    await this.#tellLag(at, at);
  }

  async take(message: PgoutputMessage, bytes: number): Promise<void> {
    switch (message.kind) {
      case 'begin':
        this.#underway = { commit: lsnText(message.commitLsn), committedAt: message.committedAt, changes: 0 };
        return;
      case 'relation':
        // The rows so far are of the table as it was.
        if (this.#relations.has(message.relation.id) && !this.#underway) await this.#land();
        this.#relations.set(message.relation.id, message.relation);
        this.#ours.delete(message.relation.id);
        return;
      case 'commit':
        return this.#commit(message.endLsn);
      case 'other':
        return;
      default:
        return this.#change(message, bytes);
    }
  }

  async #change(message: Extract<PgoutputMessage, { kind: 'insert' | 'update' | 'delete' | 'truncate' }>, bytes: number): Promise<void> {
    const underway = this.#underway;
    if (!underway) throw new Error('a change outside of a transaction');
    underway.changes += 1;
    const { within } = this.#position;
    // Landed already, by the run before.
    if (within?.commit === underway.commit && underway.changes <= within.changes) return;
    if (message.kind === 'truncate') {
      if (message.relations.some((id) => this.#isOurs(id))) this.#open().truncate();
      return;
    }
    const relation = this.#relations.get(message.relation);
    if (!relation || !this.#isOurs(message.relation)) return;
    const batch = this.#open();
    if (message.kind === 'insert') batch.insert(valuesOf(relation, message.row));
    else if (message.kind === 'delete') batch.delete(valuesOf(relation, message.before));
    else batch.update(valuesOf(relation, message.row), message.before && valuesOf(relation, message.before), relation.identity === 'f');
    if (batch.changes >= this.#mostChanges * LARGE || batch.bytes + bytes >= this.#mostBytes * LARGE) await this.#landWithin(underway);
  }

  async #commit(endLsn: bigint): Promise<void> {
    const { committedAt = new Date() } = this.#underway ?? {};
    this.#underway = undefined;
    const { within: _, ...position } = this.#position;
    this.#position = position;
    this.#reached = { lsn: endLsn, committedAt };
    const batch = this.#batch;
    if (!batch) {
      // Of other tables only.
      this.#options.session.confirm(endLsn);
      this.#reached = undefined;
      return;
    }
    if (batch.changes >= this.#mostChanges || batch.bytes >= this.#mostBytes || performance.now() - this.#since >= this.#waitMs) await this.#land();
  }

  /** What is there of a transaction that is too large. */
  async #landWithin({ commit, changes }: Underway): Promise<void> {
    const lsn = this.#reached ? lsnText(this.#reached.lsn) : this.#position.lsn;
    await this.#send({ slot: this.#position.slot, lsn, within: { commit, changes } });
    if (this.#reached) this.#options.session.confirm(this.#reached.lsn);
    this.#reached = undefined;
  }

  async #land(): Promise<void> {
    const reached = this.#reached;
    if (!this.#batch || !reached) return;
    await this.#send({ slot: this.#position.slot, lsn: lsnText(reached.lsn) });
    this.#reached = undefined;
    // Only now: it is ours for good.
    this.#options.session.confirm(reached.lsn);
    await this.#tellLag(reached.committedAt, new Date());
  }

  async #send(position: CapturePosition): Promise<void> {
    const { job } = this.#options;
    if (!this.#batch) return;
    const { content, changes } = this.#batch.content();
    // The log of the source waits for all that is not ours yet, so that no row may hold up those behind it.
    await job.land({ source: { content }, mode: 'merge', changes, eachAlone: true, position, receivedAt: this.#receivedAt });
    this.#batch = undefined;
    this.#position = position;
  }

  async #tellLag(committedAt: Date, at: Date): Promise<void> {
    const now = performance.now();
    if (now - this.#toldAt < IDLE_MS) return;
    this.#toldAt = now;
    await this.#options.job.lag({ seconds: Math.max(0, Math.round((at.getTime() - committedAt.getTime()) / 1_000)) });
  }

  #open(): ChangeBatch {
    if (this.#batch) return this.#batch;
    const { job, part, facts } = this.#options;
    this.#receivedAt = new Date();
    this.#since = performance.now();
    // The contract as it is now.
    return (this.#batch = new ChangeBatch(collectedFields(part, job.dataset, facts), job.dataset.key));
  }

  #isOurs(id: number): boolean {
    const known = this.#ours.get(id) ?? this.#checked(id);
    this.#ours.set(id, known);
    return known;
  }

  /** @throws HeadgateError CONTRACT_VIOLATION when the table lost a column that the contract has */
  #checked(id: number): boolean {
    const relation = this.#relations.get(id);
    const { part, job, facts } = this.#options;
    const { schema, name } = tableOfPart(part);
    if (!relation || relation.schema !== schema || relation.name !== name) return false;
    const lost = collectedFields(part, job.dataset, facts).find(({ column }) => !relation.columns.some((each) => each.name === column.name));
    if (!lost) return true;
    throw new HeadgateError(
      'CONTRACT_VIOLATION',
      `The table ${part.table} at ${job.source.name} has no column "${lost.column.name}" any more, which ${lost.field.name} is collected from. Change the contract, or map it under fields.`,
      { source: job.source.name, dataset: job.dataset.name, field: lost.field.name },
    );
  }
}

function valuesOf(relation: Relation, row: readonly ChangedValue[]): ColumnValues {
  return new Map(relation.columns.map(({ name }, i) => [name, row[i]]));
}
