import { messageOf, sha256, type Log } from '../kernel/index.js';
import type { Outbound } from '../outbound/index.js';
import type { Database, Transaction } from '../store/index.js';
import type { Checkpoint } from './checkpoint.js';
import { CHECKPOINT_COLUMNS } from './sealed-head.js';

export interface CheckpointPosterOptions {
  readonly database: Database;
  readonly log: Log;
  readonly outbound: Outbound;
  /** http or https. */
  readonly url: string;
  /** Sent as a bearer token. */
  readonly token?: string;
  /** Called after each attempt. */
  readonly onAttempt?: (isGood: boolean) => void;
  readonly timeoutMs?: number;
  /** How often it looks for checkpoints of other processes. */
  readonly lookMs?: number;
  /** The pause after the first failure, which doubles with each one more, and the longest. */
  readonly pauseMs?: number;
  readonly longestPauseMs?: number;
}

/** What may be left to send when the process stops is sent by the next one. */
const LAST_CHANCE_MS = 2_000;

/** What it answers is not read. */
const MAX_ANSWER_BYTES = 1024 ** 2;

/**
 * Posts each checkpoint to a place of which the owner of the database knows nothing, oldest first, each until it was taken:
 * what was not sent goes out later, after a restart too, by whichever process is there. Sealing never waits for it.
 *
 * One process at a time holds the row of the receiver while it sends, so they arrive in order. One may arrive twice: when
 * it was taken and the answer was lost.
 */
export class CheckpointPoster {
  readonly #options: Required<Omit<CheckpointPosterOptions, 'token'>> & Pick<CheckpointPosterOptions, 'token'>;
  readonly #receiver: string;
  readonly #closing = new AbortController();
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;

  constructor(options: CheckpointPosterOptions) {
    this.#options = { onAttempt: () => undefined, timeoutMs: 10_000, lookMs: 5_000, pauseMs: 1_000, longestPauseMs: 60_000, ...options };
    this.#receiver = sha256(options.url);
  }

  start(): void {
    this.wake();
  }

  /** There may be something to send. After a failure that waits until the pause is over. Never throws and never waits. */
  wake(): void {
    if (this.#sending || this.#failures > 0) return;
    this.#send();
  }

  /** Tries once more what is left, for two seconds at the most. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    const late = setTimeout(() => this.#closing.abort(), LAST_CHANCE_MS);
    await this.#sending;
    clearTimeout(this.#timer);
    if (this.#failures === 0 && !this.#closing.signal.aborted) await this.#sendAll();
    clearTimeout(this.#timer);
    clearTimeout(late);
    this.#closing.abort();
  }

  #send(): void {
    clearTimeout(this.#timer);
    this.#sending = this.#sendAll().finally(() => {
      this.#sending = undefined;
      if (this.#closing.signal.aborted) return;
      const { lookMs, pauseMs, longestPauseMs } = this.#options;
      const pause = this.#failures === 0 ? lookMs : Math.min(pauseMs * 2 ** (this.#failures - 1), longestPauseMs);
      this.#timer = setTimeout(() => this.#send(), pause).unref();
    });
  }

  async #sendAll(): Promise<void> {
    const { log, url, onAttempt } = this.#options;
    try {
      while (!this.#closing.signal.aborted && (await this.#options.database.transaction((tx) => this.#sendNext(tx)))) {
        this.#failures = 0;
        onAttempt(true);
      }
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      this.#failures += 1;
      onAttempt(false);
      // Its origin only: the rest of a URL may be a secret.
      log.warn({ to: new URL(url).origin, reason: messageOf(error) }, 'an audit checkpoint could not be posted; it is tried again');
    }
  }

  /** False when there is none to send, or another process is at it. */
  async #sendNext(tx: Transaction): Promise<boolean> {
    await tx.query('INSERT INTO headgate.audit_receiver (url_hash, seq) VALUES ($1, 0) ON CONFLICT DO NOTHING', [this.#receiver]);
    const [at] = await tx.query<{ seq: string }>('SELECT seq FROM headgate.audit_receiver WHERE url_hash = $1 FOR UPDATE SKIP LOCKED', [this.#receiver]);
    if (!at) return false;
    const [next] = await tx.query<Checkpoint>(
      `SELECT ${CHECKPOINT_COLUMNS} FROM headgate.audit_checkpoint WHERE seq > $1 ORDER BY audit_checkpoint.seq LIMIT 1`,
      [at.seq],
    );
    if (!next) return false;
    await this.#post(next);
    await tx.query('UPDATE headgate.audit_receiver SET seq = $2, acknowledged_at = now() WHERE url_hash = $1', [this.#receiver, next.seq]);
    return true;
  }

  /** Resolves when it was answered with 2xx. */
  async #post(checkpoint: Checkpoint): Promise<void> {
    const { outbound, url, token, timeoutMs } = this.#options;
    const response = await outbound.fetch({
      url,
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token !== undefined && { authorization: `Bearer ${token}` }) },
      body: JSON.stringify(checkpoint),
      maxBytes: MAX_ANSWER_BYTES,
      timeoutMs,
      idleTimeoutMs: timeoutMs,
      signal: this.#closing.signal,
      // The operator says where it is. The token is for that place, and for none to which it may point.
      trusted: true,
      redirects: 'return',
    });
    response.discard();
    if (response.status < 200 || response.status > 299) throw new Error(`it was answered with ${response.status}`);
  }
}
