import type { AuditFeed } from '../../audit/index.js';
import type { DataChanges, Dataset } from '../../catalog/index.js';
import type { Principal } from '../../identity/index.js';
import { HeadgateError } from '../../kernel/index.js';
import type { RunFeed, Runs } from '../../lifecycle/index.js';
import type { RequestContext, World } from '../context.js';
import { visibleDataset } from '../control/rights.js';
import { follows, watches, watchesRun } from '../control/rules.js';
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
  readonly feed: Pick<AuditFeed, 'head' | 'after' | 'subscribe'>;
  readonly runFeed: Pick<RunFeed, 'head' | 'subscribe'>;
  readonly runs: Pick<Runs, 'get'>;
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
  readonly payloads: readonly Buffer[];
  /** There is more than fits into one. */
  readonly more?: boolean;
  /** Nothing can come behind it. */
  readonly isLast?: boolean;
}

/** What the record is called among the datasets whose changes wake subscriptions; no dataset has such a name. */
export const RECORD = { id: '(the record)', name: '(the record)' } as const;

/** What a run is called among the datasets whose changes wake subscriptions; no dataset has such a name. */
export function runKey(id: string): string {
  return `(the run ${id})`;
}

/** Entries that are told in one go, behind one look at who listens. */
const ENTRIES = 100;

/** What may be told to a subscription, decided on anew each time it is asked for. */
export class Events {
  readonly #options: EventsOptions;

  constructor(options: EventsOptions) {
    this.#options = options;
  }

  async now(principal: Principal): Promise<Moment> {
    return this.#options.views.current(this.#options.world, principal);
  }

  /** The dataset that a subscription is about, and the version that its rows have now; or the run. @throws HeadgateError NOT_FOUND */
  subject(live: LiveOperation, { view }: Moment): { readonly dataset: Pick<Dataset, 'id' | 'name'>; readonly version: number; readonly run?: string } {
    if (isOfRecord(live)) return { dataset: RECORD, version: this.#options.feed.head };
    const id = runOf(live);
    if (id !== undefined) return { dataset: { id, name: runKey(id) }, version: this.#options.runFeed.head, run: id };
    const dataset = datasetOf(live, view);
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
    const payloadOf = async (root: object): Promise<Buffer> => {
      const { operationName = null, variables } = subscription.request;
      return Buffer.from(moment.view.written(await executeEvent(moment.view.schemas, { document: live.document, operationName, variables, context }, root)));
    };
    if (isOfRecord(live)) return this.#entries(seen, payloadOf);
    const runId = runOf(live);
    if (runId !== undefined) return this.#run(runId, upTo, payloadOf);
    const event: DatasetEvent = { dataset: datasetOf(live, moment.view), dataVersion: upTo };
    return { datasetId: dataset.id, upTo, payloads: [await payloadOf(event)] };
  }

  /** Each entry is an event of its own, in the order of the chain. */
  async #entries(seen: number, payloadOf: (root: object) => Promise<Buffer>): Promise<Event | undefined> {
    const entries = await this.#options.feed.after(seen, ENTRIES);
    const last = entries.at(-1);
    if (!last) return undefined;
    const payloads: Buffer[] = [];
    for (const entry of entries) payloads.push(await payloadOf(entry));
    return { datasetId: RECORD.id, upTo: Number(last.seq), payloads, more: entries.length === ENTRIES };
  }

  /** As it is when it is read, which can be later than what woke the subscription. */
  async #run(id: string, upTo: number, payloadOf: (root: object) => Promise<Buffer>): Promise<Event> {
    const run = await this.#options.runs.get(id);
    return { datasetId: id, upTo, payloads: [await payloadOf(run)], isLast: run.finishedAt !== null };
  }

  async #rows(asked: RowsAsked, read: PreparedRead, seen: number, upTo: number): Promise<Event> {
    const payload = await this.#options.reads.read(asked, read, seen, upTo);
    return { datasetId: asked.operation.dataset.id, upTo, payloads: payload ? [payload] : [] };
  }

  async #guard({ field, args }: ControlSubscription, context: RequestContext): Promise<void> {
    const guard = GUARDS[field];
    if (!guard) throw new HeadgateError('FORBIDDEN', 'This field is open to nobody.');
    const passed = await guard(args, context);
    if (passed !== true) throw passed;
  }

  #context(subscription: Subscription, { world, view }: Moment): RequestContext {
    return this.#options.contextOf({ principal: subscription.line.transport.principal, world, view, operationHash: subscription.hash });
  }
}

const RECORD_FIELD = 'auditAppended';
const RUN_FIELD = 'runProgress';

const GUARDS: Readonly<Record<string, typeof watches | undefined>> = {
  datasetChanged: watches,
  [RECORD_FIELD]: (_, context) => follows(context),
  [RUN_FIELD]: watchesRun,
};

function isOfRecord(live: LiveOperation): boolean {
  return live.kind === 'control' && live.field === RECORD_FIELD;
}

function runOf(live: LiveOperation): string | undefined {
  return live.kind === 'control' && live.field === RUN_FIELD ? String(live.args['id']).toLowerCase() : undefined;
}

/** @throws HeadgateError NOT_FOUND */
function datasetOf(live: LiveOperation, view: View): Dataset {
  return live.kind === 'dataset' ? live.dataset : visibleDataset({ visible: view.schemas.catalog }, String(live.args['dataset']));
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
