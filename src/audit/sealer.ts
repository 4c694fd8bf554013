import { setTimeout as sleep } from 'node:timers/promises';
import { appendLines, HeadgateError, messageOf, type Log } from '../kernel/index.js';
import type { Database, SigningKey } from '../store/index.js';
import { GENESIS } from './chain.js';
import { fixedKey, signCheckpoint, type AuditKeys, type Checkpoint } from './checkpoint.js';
import { PendingEntries } from './pending.js';
import { SealLock } from './seal-lock.js';
import { lastCheckpoint, readHead, type Head } from './sealed-head.js';

export interface SealerOptions {
  readonly database: Database;
  readonly log: Log;
  /** `MasterKeys`, or one `KeyRing.signingKey('audit')` that never changes. */
  readonly key: SigningKey | AuditKeys;
  /** `<home>/audit-checkpoints.ndjson`: the copy of the checkpoints that an owner of the database can't rewrite. */
  readonly checkpointsFile: string;
  /** Called when a checkpoint is in the database. */
  readonly onCheckpoint?: () => void;
  readonly intervalMs?: number;
  readonly lockRetryMs?: number;
  readonly checkpointEveryMs?: number;
  readonly checkpointEveryEntries?: number;
  /** Entries that one transaction seals, about. */
  readonly batch?: number;
}

/** What the sealing process knows while it holds the lock. */
interface Lead {
  readonly lock: SealLock;
  readonly pending: PendingEntries;
  head: Head;
  last: Checkpoint | undefined;
  /** When the last checkpoint was made, or the lock was taken; milliseconds. */
  checkedAt: number;
}

/** How long `sealNow` waits for another process to seal. */
const PATIENCE_MS = 5_000;

/**
 * Gives committed entries their place in the one hash chain of the installation. Every process may run one: whoever
 * holds the lock seals, the others try again each second. Readers and loads never wait for it.
 * Stop it before the database is closed: it keeps one connection of the pool.
 */
export class Sealer {
  readonly #options: Required<SealerOptions>;
  readonly #keys: AuditKeys;
  #lead: Lead | undefined;
  #loop: Promise<void> | undefined;
  /** The end of the turn that is under way: turns never overlap. */
  #turn: Promise<unknown> = Promise.resolve();
  readonly #stopping = new AbortController();

  constructor(options: SealerOptions) {
    const defaults = { intervalMs: 500, lockRetryMs: 1000, checkpointEveryMs: 60_000, checkpointEveryEntries: 10_000, batch: 1000 };
    this.#options = { onCheckpoint: () => undefined, ...defaults, ...options };
    this.#keys = 'keyId' in options.key ? fixedKey(options.key) : options.key;
  }

  /** True while this process holds the lock. */
  get leading(): boolean {
    return this.#lead !== undefined && !this.#lead.lock.lost;
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  /**
   * Seals what was committed before the call, here or, when another process holds the lock, by waiting for that one.
   * @throws HeadgateError UNAVAILABLE when the database can't be reached, or the other process does not seal.
   */
  async sealNow(): Promise<void> {
    const now = new Date();
    try {
      for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await sleep(50)) {
        // Each time, because the holder may be going: another process that stops, or a session of ours that was cut.
        if (await this.#exclusive(() => this.#sealTurn())) return;
        const { database } = this.#options;
        const left = await database.query('SELECT FROM headgate.audit_record WHERE seq IS NULL AND at <= $1 LIMIT 1', [now]);
        if (left.length === 0) return;
      }
    } catch (cause) {
      throw new HeadgateError('UNAVAILABLE', 'The audit entries could not be sealed: the database could not be reached. Try again.', {}, { cause });
    }
    throw new HeadgateError('UNAVAILABLE', 'Another process holds the lock of the audit sealer and does not seal. Look at its log.');
  }

  /** As `sealNow`, and where this process is the one that seals, what is sealed is signed. */
  async signNow(): Promise<void> {
    await this.sealNow();
    await this.#exclusive(async () => {
      if (this.#lead && !this.#lead.lock.lost) await this.#checkpoint(this.#lead);
    });
  }

  /** Seals and signs what is there, and gives the lock to the next process. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
    await this.#exclusive(async () => {
      const lead = this.#lead;
      if (!lead) return;
      try {
        await this.#sealAll(lead);
        await this.#checkpoint(lead);
        this.#lead = undefined;
        await lead.lock.release();
      } catch (error) {
        this.#options.log.warn({ reason: messageOf(error) }, 'the last audit entries could not be sealed: the next process will');
        this.#leave(lead);
      }
    });
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    const { log, intervalMs, lockRetryMs } = this.#options;
    while (!signal.aborted) {
      let led = false;
      try {
        led = await this.#exclusive(() => this.#sealTurn());
      } catch (error) {
        log.warn({ reason: messageOf(error) }, 'audit entries could not be sealed; trying again');
      }
      await sleep(led ? intervalMs : lockRetryMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  /** False when another process holds the lock. */
  async #sealTurn(): Promise<boolean> {
    const lead = await this.#takeLead();
    if (!lead) return false;
    try {
      await lead.pending.prepare(new Date());
      await this.#sealAll(lead);
      if (Date.now() - lead.checkedAt >= this.#options.checkpointEveryMs) await this.#checkpoint(lead);
    } catch (error) {
      // Whatever was half done ended with the session; the next turn takes the lock and reads the head again.
      this.#leave(lead);
      throw error;
    }
    return true;
  }

  async #takeLead(): Promise<Lead | undefined> {
    if (this.#lead?.lock.lost) this.#leave(this.#lead);
    if (this.#lead) return this.#lead;
    const { database, log } = this.#options;
    const lock = await SealLock.tryTake(database, log);
    if (!lock) return undefined;
    try {
      const query = async <Row extends object>(text: string): Promise<Row[]> => (await lock.client.query<Row>(text)).rows;
      const last = await lastCheckpoint(query);
      const head = await readHead(query, await this.#keys.verifying(), last, GENESIS, log);
      this.#lead = { lock, pending: new PendingEntries(lock.client, log), head, last, checkedAt: last ? Date.parse(last.at) : Date.now() };
      return this.#lead;
    } catch (error) {
      lock.drop();
      throw error;
    }
  }

  #leave(lead: Lead): void {
    this.#lead = undefined;
    lead.lock.drop();
  }

  async #sealAll(lead: Lead): Promise<void> {
    const { batch, checkpointEveryEntries } = this.#options;
    for (let more = true; more;) {
      const sealed = await lead.pending.seal(lead.head, batch);
      if (!sealed) break;
      ({ head: lead.head, more } = sealed);
      if (lead.head.seq - BigInt(lead.last?.seq ?? 0) >= BigInt(checkpointEveryEntries)) await this.#checkpoint(lead);
    }
    await lead.pending.sweep();
  }

  async #checkpoint(lead: Lead): Promise<void> {
    lead.checkedAt = Date.now();
    if (lead.head.seq === BigInt(lead.last?.seq ?? 0)) return;
    await this.#keys.signing((key) => this.#sign(lead, key));
  }

  async #sign(lead: Lead, key: SigningKey): Promise<void> {
    const { checkpointsFile, log } = this.#options;
    const { seq, hash } = lead.head;
    const checkpoint = signCheckpoint(key, { seq: String(seq), hash, at: new Date().toISOString(), previous: lead.last?.signature ?? null });
    // The file first: if the process ends in between, what is outside the database proves more, not less.
    await appendLines(checkpointsFile, [checkpoint]).catch((error: unknown) => {
      log.error({ file: checkpointsFile, reason: messageOf(error) }, 'the audit checkpoint could not be written to its file');
    });
    await lead.lock.client.query('INSERT INTO headgate.audit_checkpoint (seq, hash, at, previous, signature, key_id) VALUES ($1, $2, $3, $4, $5, $6)', [
      checkpoint.seq,
      hash,
      checkpoint.at,
      checkpoint.previous,
      checkpoint.signature,
      checkpoint.keyId,
    ]);
    lead.last = checkpoint;
    this.#options.onCheckpoint();
  }
}
