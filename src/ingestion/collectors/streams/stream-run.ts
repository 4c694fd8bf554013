import { setTimeout as delay } from 'node:timers/promises';
import { HeadgateError, isHeadgateError, type ErrorCode, type Log } from '../../../kernel/index.js';
import { AttemptLostError } from '../../../lifecycle/index.js';
import type { CollectJob } from '../collect-job.js';
import { waitMsOf } from '../collector-shape.js';
import type { Lag, PartitionHealth } from '../positions.js';
import { Batches, type BatchLimits, type MessageBatch } from './batches.js';
import type { Broker, Message, Subscription } from './broker.js';
import { readMessages, refusedMessage, type MessageFormat } from './message-rows.js';
import { Throughput } from './throughput.js';

/** Measured: larger ones are not landed faster, and hold more memory. */
const DEFAULT_ROWS = 10_000;
const DEFAULT_BYTES = 8 * 1024 * 1024;
const DEFAULT_WAIT = '200ms';
/** A broker or database that is away is asked again after so long, doubled each time, up to the longest. */
const FIRST_REST_MS = 250;
const LONGEST_REST_MS = 5_000;
/** What nobody foresaw is tried so often before the run fails. */
const MOST_TRIES = 5;
/** How often the lag of a stream where nothing comes is told. */
const TELL_MS = 5_000;

/** What trying again does not mend. */
const FINAL: ReadonlySet<ErrorCode> = new Set(['BAD_USER_INPUT', 'NOT_FOUND', 'CONFLICT', 'FORBIDDEN']);

export interface StreamRunOptions {
  readonly broker: Broker;
  readonly maxValueBytes: number;
  readonly log: Log;
}

/** Follows one partition: a batch lands while the next one is gathered, and what is behind waits at the broker. */
export class StreamRun {
  readonly #job: CollectJob;
  readonly #options: StreamRunOptions;
  readonly #limits: BatchLimits;
  readonly #throughput = new Throughput();
  #toldAt = 0;
  #toldLag: number | undefined;

  constructor(job: CollectJob, options: StreamRunOptions) {
    this.#job = job;
    this.#options = options;
    const { rows = DEFAULT_ROWS, bytes = DEFAULT_BYTES, wait = DEFAULT_WAIT } = job.collector.batch ?? {};
    this.#limits = { rows, bytes, waitMs: waitMsOf(wait) };
  }

  /**
   * Until the job's signal aborts. A broker or a database that is away is waited for.
   * @throws HeadgateError as Broker.open and CollectJob.land for what does not pass; AttemptLostError
   */
  async follow(): Promise<void> {
    const { signal, run } = this.#job;
    let failures = 0;
    while (!signal.aborted) {
      try {
        await this.#session(() => (failures = 0));
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        const { code, message } = isHeadgateError(error) ? error : new HeadgateError('INTERNAL_SERVER_ERROR', 'Something failed inside Headgate.');
        // The database may be what is away; and what another worker does now is its own to tell.
        if (!(error instanceof AttemptLostError)) await this.#job.tell({ problem: message }).catch(() => undefined);
        if (!mayPass(error, failures)) throw error;
        const stack = isHeadgateError(error) ? undefined : (error as Error).stack?.split('\n').filter((line) => line.startsWith('    at '));
        this.#options.log.warn(
          { run: run.id, collector: this.#job.collector.name, partition: this.#job.partition, code, problem: message, stack },
          'a stream was interrupted and is begun again',
        );
        await delay(Math.min(FIRST_REST_MS * 2 ** (failures - 1), LONGEST_REST_MS), undefined, { signal }).catch(() => undefined);
      }
    }
  }

  /** From the position, until something is wrong or it is to end. */
  async #session(onProgress: () => void): Promise<void> {
    const job = this.#job;
    const { collector, source, partition, signal } = job;
    const position = await job.position();
    const ahead = { ahead: this.#limits.rows, aheadBytes: this.#limits.bytes };
    const subscription = await this.#options.broker.open({ collector, source, partition, position, signal, ...ahead });
    let interrupt: ((reason: unknown) => void) | undefined;
    const close = () => {
      interrupt?.(signal.reason);
      void subscription.close().catch(() => undefined);
    };
    signal.addEventListener('abort', close, { once: true });
    let landing: Promise<void> | undefined;
    try {
      signal.throwIfAborted();
      if (position === undefined && subscription.begins !== undefined) await job.land({ position: subscription.begins });
      await job.tell({ problem: null });
      const batches = new Batches(subscription, this.#limits);
      for (;;) {
        signal.throwIfAborted();
        // Not a race against one promise for all batches: that would hold each of them until the session ends.
        const batch = await new Promise<MessageBatch>((resolve, reject) => {
          interrupt = reject;
          batches.next().then(resolve, reject);
        });
        await landing;
        onProgress();
        landing = batch.messages.length > 0 ? this.#take(subscription, batch) : this.#idle(batch);
        landing.catch(() => undefined);
      }
    } finally {
      signal.removeEventListener('abort', close);
      await landing?.catch(() => undefined);
      await subscription.close().catch(() => undefined);
    }
  }

  async #take(subscription: Subscription, { messages, waiting, missed }: MessageBatch): Promise<void> {
    const { run, collector, partition } = this.#job;
    if (missed > 0) {
      this.#options.log.warn({ run: run.id, collector: collector.name, partition, missed }, 'messages of a stream were gone before they were read');
    }
    const lag = lagOf(waiting, messages.at(-1));
    const rowsPerSecond = this.#throughput.add(messages.length);
    this.#toldLag = lag?.messages;
    await this.#land(subscription, messages, { lag, rowsPerSecond, missed });
    // Failing costs nothing: it is delivered again, and known.
    await subscription.committed(messages).catch((error: unknown) => {
      this.#options.log.info({ run: run.id, collector: collector.name, name: (error as Error).name }, 'a stream could not be told what is committed');
    });
  }

  /** Nothing comes: that is told, too. */
  async #idle({ waiting, missed }: MessageBatch): Promise<void> {
    const now = performance.now();
    const lag = lagOf(waiting, undefined);
    if (missed === 0 && lag?.messages === this.#toldLag && now - this.#toldAt < TELL_MS) return;
    this.#toldAt = now;
    this.#toldLag = lag?.messages;
    await this.#job.tell({ ...(lag && { lag }), rowsPerSecond: this.#throughput.add(0), missed, problem: null });
  }

  /** All of them, or those before one that could not land for a reason that is not its own. */
  async #land(subscription: Subscription, messages: readonly Message[], health: PartitionHealth): Promise<void> {
    const job = this.#job;
    const last = messages.at(-1);
    if (!last) return;
    const sealed = job.dataset.fields.some(({ encrypted }) => encrypted);
    const nameOf = (message: Message) => this.#options.broker.nameOf(job, message);
    const read = readMessages(messages, { format: formatOf(job), maxBytes: this.#options.maxValueBytes, sealed, nameOf });
    const after = {
      position: subscription.positionAfter(last),
      health,
      // Whoever was erased since the first of them was sent does not come back by it.
      receivedAt: new Date(messages.reduce((oldest, { time }) => Math.min(oldest, time), Date.now())),
    };
    const { content, positionOf, refused } = read;
    try {
      await job.land({ ...after, ...(read.rows > 0 && { source: { content } }), eachAlone: true, positionOf, refused });
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const [only, second] = messages;
      if (only && !second) {
        const isErased = error.code === 'CONFLICT';
        const why = isErased ? 'somebody was erased since the message was sent, and it would have brought them back' : withoutPlace(error.message);
        await job.land({ ...after, refused: [refusedMessage(only, why, { nameOf, sealed: sealed || isErased })] });
        return;
      }
      let told = health;
      for (const part of split(messages, read.messageOf(Number(error.details['line'])))) {
        await this.#land(subscription, part, told);
        told = { ...health, missed: 0 };
      }
    }
  }
}

/** Around the message at fault, where that is known; else in the middle. */
function split(messages: readonly Message[], fault: number | undefined): readonly (readonly Message[])[] {
  const middle = Math.floor(messages.length / 2);
  const parts =
    fault === undefined || messages[fault] === undefined
      ? [messages.slice(0, middle), messages.slice(middle)]
      : [messages.slice(0, fault), messages.slice(fault, fault + 1), messages.slice(fault + 1)];
  return parts.filter(({ length }) => length > 0);
}

/** Whether it is about rows: those that are not at fault can land without the others. */
function isRefusal(error: unknown): error is HeadgateError {
  if (!isHeadgateError(error)) return false;
  return error.code === 'DATA_REJECTED' || error.code === 'CONTRACT_VIOLATION' || (error.code === 'CONFLICT' && error.details['reason'] === 'erased');
}

function mayPass(error: unknown, failures: number): boolean {
  if (error instanceof AttemptLostError) return false;
  if (isHeadgateError(error) && FINAL.has(error.code)) return false;
  return (isHeadgateError(error) && error.code === 'UNAVAILABLE') || failures < MOST_TRIES;
}

function lagOf(waiting: number | undefined, last: Message | undefined): Lag | undefined {
  if (waiting === undefined) return undefined;
  return { messages: waiting, ...(last ? { seconds: waiting === 0 ? 0 : Math.max((Date.now() - last.time) / 1_000, 0) } : waiting === 0 && { seconds: 0 }) };
}

/** The line of a batch says nothing to anybody; the message has a place of its own. */
function withoutPlace(text: string): string {
  return text.replaceAll(/ ?\((line|column)[^)]*\)/g, '').replaceAll(/ at line \d+/g, '');
}

function formatOf({ collector, source }: CollectJob): MessageFormat {
  return (collector as Readonly<Record<string, unknown>>)[source.type] as MessageFormat;
}
