import { newId, sha256 } from '../../kernel/index.js';
import type { LiveOperation, LiveRequest } from '../dataplane/live-operations.js';
import type { View } from '../dataplane/view.js';
import type { Line } from './line.js';

export type SubscriptionLine = Line<Subscription>;

interface Given {
  readonly line: SubscriptionLine;
  readonly operation: string;
  readonly request: LiveRequest;
  readonly dataset: { readonly id: string; readonly name: string };
  readonly seen: number;
  readonly run?: string | undefined;
  /** Called once; with the error, when it came to its end by one. */
  readonly onEnd: (subscription: Subscription, error?: unknown) => void;
}

/**
 * One subscription, from its start to its end. To the protocol's library it is a stream that yields nothing: events go to
 * the connection as they are, and the library hears only of the end.
 */
export class Subscription implements AsyncIterableIterator<never, undefined> {
  /** In the record. */
  readonly id = newId();
  readonly line: SubscriptionLine;
  /** As the client calls it. */
  readonly operation: string;
  readonly request: LiveRequest;
  /** SHA-256 of the document's text, hex. */
  readonly hash: string;
  /** The name of the dataset whose changes wake it. */
  readonly dataset: string;
  /** The id of the run that it is about, if it is about one. */
  readonly run: string | undefined;
  /** Whether it was granted and is on the record. */
  isStarted = false;
  events = 0;
  /** Attempts at the next event that failed for a reason that we do not know. */
  failures = 0;
  /** Of which dataset, and of its versions the one that was told of last. */
  #mark: { readonly datasetId: string; readonly seen: number };
  #isOver = false;
  #opened: { readonly view: View; readonly operation: LiveOperation } | undefined;
  #last: Buffer | undefined;
  readonly #end = Promise.withResolvers<IteratorReturnResult<undefined>>();
  readonly #onEnd: Given['onEnd'];

  constructor({ line, operation, request, dataset, seen, run, onEnd }: Given) {
    this.line = line;
    this.operation = operation;
    this.request = request;
    this.hash = sha256(request.query);
    this.dataset = dataset.name;
    this.run = run;
    this.#mark = { datasetId: dataset.id, seen };
    this.#onEnd = onEnd;
    // It may fail before the library listens.
    this.#end.promise.catch(() => undefined);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** A dataset that was deleted and made again begins anew. */
  seenOf(datasetId: string): number {
    return this.#mark.datasetId === datasetId ? this.#mark.seen : 0;
  }

  note(datasetId: string, seen: number): void {
    this.#mark = { datasetId, seen };
    this.failures = 0;
  }

  /** Whether this was told last. What of a run is looked at in case a word was lost is mostly as it was. */
  repeats(payload: Buffer): boolean {
    if (this.run === undefined) return false;
    const isSame = this.#last?.equals(payload) ?? false;
    this.#last = payload;
    return isSame;
  }

  /** What it asks for in a view; a view never changes. */
  openIn(view: View, open: () => LiveOperation): LiveOperation {
    if (this.#opened?.view !== view) this.#opened = { view, operation: open() };
    return this.#opened.operation;
  }

  /** Ends it with an error that is told to the client. */
  fail(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#end.reject(error);
    this.#onEnd(this, error);
  }

  next(): Promise<IteratorReturnResult<undefined>> {
    return this.#end.promise;
  }

  /** The client ended it, or its connection. */
  return(): Promise<IteratorReturnResult<undefined>> {
    const done: IteratorReturnResult<undefined> = { done: true, value: undefined };
    if (!this.#isOver) {
      this.#isOver = true;
      this.#end.resolve(done);
      this.#onEnd(this);
    }
    return Promise.resolve(done);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
