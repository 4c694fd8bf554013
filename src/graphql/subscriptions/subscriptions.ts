import type { GraphQLError, GraphQLFormattedError } from 'graphql';
import type { AuditFact } from '../../audit/index.js';
import type { DataChanges } from '../../catalog/index.js';
import type { Limits } from '../../config/index.js';
import { HeadgateError, isHeadgateError, messageOf, type Log } from '../../kernel/index.js';
import type { LiveRequest } from '../dataplane/live-operations.js';
import { errorsFormatter } from '../errors.js';
import { Events, RECORD, runKey, type EventsOptions } from './events.js';
import { Holders } from './holders.js';
import { Line, type Transport } from './line.js';
import { Subscription, type SubscriptionLine } from './subscription.js';

export interface SubscriptionsOptions extends EventsOptions {
  /** Calls the listener after each change of the world; returns the function that ends it. */
  readonly onWorld: (listener: () => void) => () => void;
  readonly changes: Pick<DataChanges, 'versionOf' | 'subscribe'>;
  readonly audit: { record(fact: AuditFact): Promise<void> };
  readonly limits: Pick<Limits, 'maxSubscriptions'>;
  readonly log: Log;
}

/** Characters of the name that a client gives an operation; it is kept as long as the subscription. */
const LONGEST_OPERATION = 255;
/** How often in a row an event may fail for a reason that we do not know. */
const MOST_FAILURES = 3;

/** All subscriptions of this process. Each is decided on before it starts, and anew at each of its events. */
export class Subscriptions {
  /** Errors of a start or an end, as they leave. */
  readonly errorsOf: (errors: readonly GraphQLError[]) => GraphQLFormattedError[];
  readonly #options: SubscriptionsOptions;
  readonly #events: Events;
  readonly #holders: Holders;
  readonly #byDataset = new Map<string, Set<Subscription>>();
  /** Their events could not be read or recorded; they are tried again at the next look. */
  readonly #late = new Set<Subscription>();
  readonly #stopListening: readonly (() => void)[];
  readonly #ends = new Set<Promise<void>>();
  #open = 0;

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
    this.#events = new Events(options);
    this.errorsOf = errorsFormatter(options.log);
    this.#holders = new Holders(options.limits.maxSubscriptions);
    this.#stopListening = [
      options.changes.subscribe(({ dataset }) => this.#byDataset.get(dataset)?.forEach((subscription) => this.#wake(subscription))),
      options.feed.subscribe(() => this.#byDataset.get(RECORD.name)?.forEach((subscription) => this.#wake(subscription))),
      options.runFeed.subscribe((id) => {
        if (id !== undefined) this.#byDataset.get(runKey(id))?.forEach((subscription) => this.#wake(subscription));
        else for (const subscription of this.#all()) if (subscription.run !== undefined) this.#wake(subscription);
      }),
      // What they may see, or whether they still fit the schema, may be other than before.
      options.onWorld(() => this.#all().forEach((subscription) => this.#wake(subscription))),
    ];
  }

  get open(): number {
    return this.#open;
  }

  /** A connection, to be ended with `leave`. @throws HeadgateError RATE_LIMITED when its principal has too many. */
  join(transport: Transport): SubscriptionLine {
    this.#holders.take('connections', transport.holder);
    return new Line(transport);
  }

  leave(line: SubscriptionLine): void {
    for (const subscription of line.subscriptions) void subscription.return();
    this.#holders.give('connections', line.transport.holder);
  }

  /**
   * Starts a subscription, or gives the errors of its document or variables. Its start is on the record before it is told.
   * @throws HeadgateError of any code that a query can have; RATE_LIMITED when the principal has too many.
   */
  async start(line: SubscriptionLine, operation: string, request: LiveRequest): Promise<Subscription | readonly GraphQLError[]> {
    if (operation.length > LONGEST_OPERATION)
      throw new HeadgateError('BAD_USER_INPUT', `The id of an operation may have ${LONGEST_OPERATION} characters.`, { path: 'id' });
    const { holder, principal } = line.transport;
    this.#holders.take('subscriptions', holder);
    let subscription: Subscription | undefined;
    try {
      const moment = await this.#events.now(principal);
      const live = moment.view.live.open(request);
      if ('length' in live) return live;
      const { dataset, version, run } = this.#events.subject(live, moment);
      // Of a run the first event is how it is now, so nothing of it was seen.
      const seen = run === undefined ? version : -1;
      subscription = new Subscription({ line, operation, request, dataset, seen, run, onEnd: (ended, error) => this.#ended(ended, error) });
      this.#add(subscription);
      await this.#events.authorise(subscription, live, moment);
      await this.#record(subscription, { action: 'subscribe', decision: 'ALLOWED' });
      subscription.isStarted = true;
      // Its connection may have ended meanwhile; and rows may have come.
      if (subscription.isOver) await this.#record(subscription, { action: 'subscribe.end', ...howItEnded(undefined) });
      else this.#wake(subscription);
      return subscription;
    } catch (error) {
      subscription?.fail(error);
      throw error;
    } finally {
      if (!subscription) this.#holders.give('subscriptions', holder);
    }
  }

  /** Tries again what could not be told before. */
  retry(): void {
    const late = [...this.#late];
    this.#late.clear();
    for (const subscription of late) this.#wake(subscription);
  }

  /** Ends all; resolves when their ends are on the record. */
  async close(): Promise<void> {
    for (const stop of this.#stopListening) stop();
    for (const subscription of this.#all()) void subscription.return();
    await Promise.all(this.#ends);
  }

  #all(): Subscription[] {
    return [...this.#byDataset.values()].flatMap((ofDataset) => [...ofDataset]);
  }

  #add(subscription: Subscription): void {
    const ofDataset = this.#byDataset.get(subscription.dataset) ?? new Set();
    ofDataset.add(subscription);
    this.#byDataset.set(subscription.dataset, ofDataset);
    subscription.line.subscriptions.add(subscription);
    this.#open += 1;
  }

  #ended(subscription: Subscription, error: unknown): void {
    const ofDataset = this.#byDataset.get(subscription.dataset);
    ofDataset?.delete(subscription);
    if (ofDataset?.size === 0) this.#byDataset.delete(subscription.dataset);
    subscription.line.subscriptions.delete(subscription);
    this.#late.delete(subscription);
    this.#open -= 1;
    this.#holders.give('subscriptions', subscription.line.transport.holder);
    if (!subscription.isStarted) return;
    const recorded = this.#record(subscription, { action: 'subscribe.end', ...howItEnded(error) })
      .catch((cause: unknown) => this.#options.log.warn({ reason: messageOf(cause) }, 'the end of a subscription is not on the record'))
      .finally(() => this.#ends.delete(recorded));
    this.#ends.add(recorded);
  }

  #wake(subscription: Subscription): void {
    if (subscription.isStarted && !subscription.isOver) subscription.line.wake(subscription, (due) => this.#deliver(due));
  }

  async #deliver(subscription: Subscription): Promise<void> {
    const { transport } = subscription.line;
    try {
      if (subscription.isOver || !transport.holds()) return;
      const event = await this.#events.next(subscription);
      if (!event) return;
      for (const payload of event.payloads) {
        if (subscription.isOver || !transport.holds()) return;
        if (subscription.repeats(payload)) continue;
        subscription.events += 1;
        await transport.send(subscription.operation, payload);
      }
      if (subscription.isOver || !transport.holds()) return;
      subscription.note(event.datasetId, event.upTo);
      if (event.more) this.#wake(subscription);
      if (event.isLast) void subscription.return();
    } catch (error) {
      if (mayPass(error, subscription)) this.#late.add(subscription);
      else subscription.fail(error);
    }
  }

  async #record(subscription: Subscription, { details, ...fact }: Pick<AuditFact, 'action' | 'decision' | 'details'>): Promise<void> {
    const { id, hash, dataset, run, events, line } = subscription;
    const counted = fact.action === 'subscribe.end' && { events };
    await this.#options.audit.record({
      ...fact,
      actor: line.transport.principal,
      ...(dataset !== RECORD.name && run === undefined && { dataset }),
      operationHash: hash,
      details: { subscription: id, ...(dataset === RECORD.name && { of: 'audit' }), ...(run !== undefined && { of: 'run', run }), ...counted, ...details },
    });
  }
}

/** A new contract reaches the database a moment before it reaches us: a statement of the old one fails, and the next one does not. */
function mayPass(error: unknown, subscription: Subscription): boolean {
  if (isHeadgateError(error)) return error.code === 'UNAVAILABLE';
  subscription.failures += 1;
  return subscription.failures < MOST_FAILURES;
}

function howItEnded(error: unknown): Pick<AuditFact, 'decision' | 'details'> {
  if (error === undefined) return { decision: 'ALLOWED' };
  const code = isHeadgateError(error) ? error.code : 'INTERNAL_SERVER_ERROR';
  const isRefusal = code === 'FORBIDDEN' || code === 'PURPOSE_REQUIRED' || code === 'UNAUTHENTICATED';
  return { decision: isRefusal ? 'DENIED' : 'FAILED', details: { code } };
}
