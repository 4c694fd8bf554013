import type { AnswerStore, Columns } from '../access/index.js';
import type { Log } from '../kernel/index.js';
import { ofActiveKey, type KeyRing } from '../store/index.js';
import { bytesOf, MemoryAnswers } from './memory-answers.js';
import { RedisAnswers } from './redis-answers.js';
import { AnswerSeal } from './sealed-answer.js';

/** Bytes of one answer at the most: a few huge ones would drive out all others. */
const LARGEST = 4 * 1024 ** 2;
/** And of one in Redis: to encrypt it takes some 5 ms, in which nobody else is answered. */
const LARGEST_SHARED = 1024 ** 2;

export interface KeptAnswersOptions {
  /** Bytes of all answers in memory. */
  readonly maxBytes: number;
  /** Redis is not used without it. */
  readonly redisUrl?: string | undefined;
  readonly keyRing: KeyRing;
  readonly log: Log;
}

/**
 * Answers in this process and, where there is a Redis, in it too for all processes. There they are encrypted, under names of
 * this installation: two that share a Redis never meet.
 */
export class KeptAnswers implements AnswerStore {
  readonly memory: MemoryAnswers;
  /** Answers that came from Redis. */
  shared = 0;
  readonly #options: KeptAnswersOptions;
  readonly #seal: () => AnswerSeal;
  readonly #stopListening: () => void;
  /** Whose names are used in Redis. */
  #keyId: string | undefined;
  #redis: RedisAnswers | undefined;
  #connecting: Promise<void> | undefined;
  #closed = false;

  private constructor(options: KeptAnswersOptions) {
    this.#options = options;
    this.memory = new MemoryAnswers(options.maxBytes);
    this.#seal = ofActiveKey(options.keyRing, (key) => new AnswerSeal(key.derive('cache/seal')));
    this.#stopListening = options.keyRing.onChange(() => void this.#connect());
  }

  static async open(options: KeptAnswersOptions): Promise<KeptAnswers> {
    const kept = new KeptAnswers(options);
    await kept.#connect();
    return kept;
  }

  async get(key: string): Promise<Columns | undefined> {
    const near = await this.memory.get(key);
    if (near !== undefined || this.#redis === undefined) return near;
    const sealed = await this.#redis.get(key);
    const found = sealed === undefined ? undefined : this.#seal().open(key, sealed);
    const leftMs = (found?.until ?? 0) - Date.now();
    if (found === undefined || leftMs <= 0) return undefined;
    this.shared += 1;
    await this.memory.set(key, found.columns, leftMs);
    return found.columns;
  }

  async set(key: string, columns: Columns, ttlMs: number): Promise<void> {
    const bytes = bytesOf(columns);
    if (bytes <= LARGEST_SHARED) this.#redis?.set(key, () => this.#seal().seal(key, { columns, until: Date.now() + ttlMs }), ttlMs);
    if (bytes <= LARGEST) await this.memory.set(key, columns, ttlMs);
  }

  close(): void {
    this.#closed = true;
    this.#stopListening();
    this.#redis?.close();
    this.memory.clear();
  }

  /** Under the names of the active key. Answers of another are found by nobody: what is here of them goes, the rest goes with its time. */
  async #connect(): Promise<void> {
    this.#connecting = (this.#connecting ?? Promise.resolve()).then(() => this.#connectOnce());
    await this.#connecting;
  }

  async #connectOnce(): Promise<void> {
    const { redisUrl, keyRing, log } = this.#options;
    const key = keyRing.activeIfHeld;
    if (this.#closed || key?.keyId === this.#keyId) return;
    this.#keyId = key?.keyId;
    this.memory.clear();
    this.#redis?.close();
    this.#redis = undefined;
    if (redisUrl === undefined || !key) return;
    const answers = await RedisAnswers.connect(redisUrl, `headgate:${key.derive('cache/namespace', 9).toString('base64url')}`, log);
    if (this.#closed) answers.close();
    else this.#redis = answers;
  }
}
