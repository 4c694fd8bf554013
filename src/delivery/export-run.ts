import type { BoundExport, GovernedExport } from '../access/index.js';
import { HeadgateError, isHeadgateError } from '../kernel/index.js';
import type { CopySession, CopyStream } from '../store/index.js';
import type { ExportRecord } from './export-record.js';

/** What an export needs of a session of the database. */
export type ExportSession = Pick<CopySession, 'query' | 'copy' | 'finish' | 'abandon'>;

export interface ExportRunOptions {
  readonly session: ExportSession;
  readonly plan: GovernedExport;
  readonly bound: BoundExport;
  readonly record: ExportRecord;
  readonly timeoutMs: number;
  readonly stallMs: number;
  /** Aborted when nobody is there to take it. */
  readonly signal: AbortSignal;
}

/**
 * An export from the moment it has a session until it is over. It ends in one way, whichever comes first: all was given, or
 * something failed, or it took too long, or whoever took it went away or stands still; and that is put on the record.
 */
export class ExportRun {
  readonly #options: ExportRunOptions;
  readonly #deadline: NodeJS.Timeout;
  readonly #leave = (): void => void this.fail(new Left());
  #stall: NodeJS.Timeout | undefined;
  #copy: CopyStream | undefined;
  #bytes = 0;
  #over: Promise<unknown> | undefined;

  constructor(options: ExportRunOptions) {
    this.#options = options;
    const { signal, timeoutMs } = options;
    // PostgreSQL's own limit does not end a statement that waits for us to read.
    this.#deadline = setTimeout(() => void this.fail(tooLong()), timeoutMs);
    signal.addEventListener('abort', this.#leave, { once: true });
    if (signal.aborted) this.#leave();
  }

  get isOver(): boolean {
    return this.#over !== undefined;
  }

  /** Rows that were given so far as PostgreSQL counts them: all of them at the end. */
  get rowCount(): number {
    return this.#copy?.rowCount ?? 0;
  }

  /** Resolves when the first bytes are there, and waits for the client from then on. @throws what PostgreSQL says */
  async start(): Promise<AsyncIterable<Buffer>> {
    const { session, record, plan, bound } = this.#options;
    await record.started(plan);
    for (const { text, values } of bound.checks) await session.query(text, values);
    this.#copy = await session.copy(bound.text);
    this.given(0);
    return bound.opened(this.#copy as AsyncIterable<Buffer>);
  }

  /** Bytes are on their way; until they are `taken` the client is waited for. */
  given(bytes: number): void {
    if (this.isOver) return;
    this.#bytes += bytes;
    this.#stall = setTimeout(() => void this.fail(standsStill()), this.#options.stallMs);
  }

  taken(): void {
    clearTimeout(this.#stall);
  }

  /** To be called when all was read and taken; the end is on the record when it resolves. */
  async finish(): Promise<void> {
    const { session, record, plan } = this.#options;
    await session.finish();
    if (this.#over) throw await this.#over;
    this.#stop();
    const recorded = record.finished(plan, this.#copy?.rowCount ?? 0, this.#bytes);
    this.#over = recorded.then(
      () => undefined,
      (error: unknown) => error,
    );
    await recorded;
  }

  /** Ends it, if it is not over, and resolves with the error to be told: the one that ended it. */
  async fail(error: unknown): Promise<unknown> {
    this.#over ??= this.#end(error);
    return await this.#over;
  }

  async #end(error: unknown): Promise<unknown> {
    this.#stop();
    const { session, bound, record, plan } = this.#options;
    await session.abandon();
    const told = bound.errorOf(error);
    const code = isHeadgateError(told) ? told.code : 'INTERNAL_SERVER_ERROR';
    // What can't be written now does not change how it ended.
    await record.failed(plan, error instanceof Left ? 'aborted' : 'failed', code, this.#bytes).catch(() => undefined);
    return told;
  }

  #stop(): void {
    clearTimeout(this.#deadline);
    clearTimeout(this.#stall);
    this.#options.signal.removeEventListener('abort', this.#leave);
  }
}

/** Whoever took it went away. */
export class Left extends HeadgateError {
  constructor() {
    super('UNAVAILABLE', 'The export was given up: nobody was there to take it.');
  }
}

function tooLong(): HeadgateError {
  return new HeadgateError('TIMEOUT', 'The export took longer than one may (HEADGATE_EXPORT_TIMEOUT_MS). Ask for fewer rows or fields.');
}

function standsStill(): HeadgateError {
  return new HeadgateError('TIMEOUT', 'The export was given up: for a long time nothing of it was taken.');
}
