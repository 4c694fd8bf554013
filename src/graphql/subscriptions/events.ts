import type { DataChanges, Dataset } from '../../catalog/index.js';
import type { Principal } from '../../identity/index.js';
import { HeadgateError } from '../../kernel/index.js';
import type { RequestContext, World } from '../context.js';
import { visibleDataset } from '../control/rights.js';
import { watches } from '../control/rules.js';
import type { DatasetEvent } from '../control/types/dataset-change.type.js';
import { executeEvent } from '../dataplane/executor.js';
import type { ControlSubscription, DatasetSubscription, LiveOperation, LiveRequest } from '../dataplane/live-operations.js';
import type { PreparedRead } from '../dataplane/prepared-read.js';
import type { View } from '../dataplane/view.js';
import type { RequestFacts } from '../request-context.js';
import type { Views } from '../views.js';
import type { ChangeReads, RowsAsked } from './change-reads.js';
import type { Subscription } from './subscription.js';

export interface EventsOptions {
  readonly world: () => World;
  readonly views: Views;
  readonly contextOf: (facts: RequestFacts) => RequestContext;
  readonly changes: Pick<DataChanges, 'versionOf'>;
  readonly reads: ChangeReads;
}

/** The catalog, the grants and the schema of a principal at one moment. */
export interface Moment {
  readonly world: World;
  readonly view: View;
}

/** What a subscription is told; without a payload, nothing that it may know of has changed up to here. */
export interface Event {
  readonly datasetId: string;
  readonly upTo: number;
  readonly payload?: Buffer;
}

/** What may be told to a subscription, decided on anew each time it is asked for. */
export class Events {
  readonly #options: EventsOptions;

  constructor(options: EventsOptions) {
    this.#options = options;
  }

  async now(principal: Principal): Promise<Moment> {
    return this.#options.views.current(this.#options.world, principal);
  }

  /** The dataset that a subscription is about, and the version that its rows have now. @throws HeadgateError NOT_FOUND */
  subject(live: LiveOperation, { view }: Moment): { readonly dataset: Dataset; readonly version: number } {
    const dataset = live.kind === 'dataset' ? live.dataset : visibleDataset({ visible: view.schemas.catalog }, String(live.args['dataset']));
    return { dataset, version: this.#options.changes.versionOf(dataset.id) };
  }

  /** @throws HeadgateError when the principal may not subscribe, by the grants and rules of the moment; it is on the record before. */
  async authorise(subscription: Subscription, live: LiveOperation, moment: Moment): Promise<void> {
    if (live.kind === 'dataset') await this.#options.reads.prepare(rowsAsked(subscription, live, moment));
    else await this.#guard(live, this.#context(subscription, moment));
  }

  /**
   * What is new since the event before; undefined for nothing.
   * @throws HeadgateError when it may no longer be told, or can't be read; GRAPHQL_VALIDATION_FAILED when it fits the schema no more.
   */
  async next(subscription: Subscription): Promise<Event | undefined> {
    const moment = await this.now(subscription.line.transport.principal);
    const live = subscription.openIn(moment.view, () => opened(moment.view, subscription.request));
    const { dataset, version: upTo } = this.subject(live, moment);
    const seen = subscription.seenOf(dataset.id);
    if (live.kind === 'dataset') {
      const asked = rowsAsked(subscription, live, moment);
      const read = await this.#options.reads.prepare(asked);
      return upTo > seen ? this.#rows(asked, read, seen, upTo) : undefined;
    }
    const context = this.#context(subscription, moment);
    await this.#guard(live, context);
    if (upTo <= seen) return undefined;
    const event: DatasetEvent = { dataset, dataVersion: upTo };
    const { operationName = null, variables } = subscription.request;
    const result = await executeEvent(moment.view.schemas, { document: live.document, operationName, variables, context }, event);
    return { datasetId: dataset.id, upTo, payload: Buffer.from(moment.view.written(result)) };
  }

  async #rows(asked: RowsAsked, read: PreparedRead, seen: number, upTo: number): Promise<Event> {
    const payload = await this.#options.reads.read(asked, read, seen, upTo);
    return { datasetId: asked.operation.dataset.id, upTo, ...(payload && { payload }) };
  }

  async #guard({ field, args }: ControlSubscription, context: RequestContext): Promise<void> {
    if (field !== 'datasetChanged') throw new HeadgateError('FORBIDDEN', 'This field is open to nobody.');
    const passed = await watches(args, context);
    if (passed !== true) throw passed;
  }

  #context(subscription: Subscription, { world, view }: Moment): RequestContext {
    return this.#options.contextOf({ principal: subscription.line.transport.principal, world, view, operationHash: subscription.hash });
  }
}

function rowsAsked({ id, hash, line }: Subscription, operation: DatasetSubscription, { world, view }: Moment): RowsAsked {
  return { principal: line.transport.principal, world, view, operation, id, hash };
}

/** It was good when it started, so whatever is wrong with it now came with a new catalog. */
function opened(view: View, request: LiveRequest): LiveOperation {
  const live = view.live.open(request);
  if (!('length' in live)) return live;
  const why = live[0]?.message ?? '';
  throw new HeadgateError('GRAPHQL_VALIDATION_FAILED', `The schema has changed, and the subscription does not fit it any more. ${why}`.trim());
}
