import { boundValues, compile, govern, refusalMessage, type ReadAnswer, type Reader } from '../../access/index.js';
import type { AuditFact } from '../../audit/index.js';
import type { Limits } from '../../config/index.js';
import type { DatasetDecision } from '../../governance/index.js';
import { clientKey, type Principal } from '../../identity/index.js';
import { HeadgateError, isHeadgateError } from '../../kernel/index.js';
import type { World } from '../context.js';
import type { DatasetSubscription } from '../dataplane/live-operations.js';
import { contractName, preparedRead, type PreparedRead } from '../dataplane/prepared-read.js';
import { RawJson } from '../dataplane/raw-json.js';
import type { View } from '../dataplane/view.js';
import { refusalError } from '../errors.js';
import { SharedReads } from './shared-reads.js';

/** Characters of the shape of a subscription whose plan is kept, as of queries. */
const LONGEST_KEPT = 16_384;

export interface ChangeReadsOptions {
  readonly reader: Reader;
  readonly audit: { record(fact: AuditFact): Promise<void> };
  readonly limits: Limits;
}

/** A subscription to rows at one moment: who asks, in which world, and for what. */
export interface RowsAsked {
  readonly principal: Principal;
  readonly world: World;
  readonly view: View;
  readonly operation: DatasetSubscription;
  /** Of the record: the subscription's id, and the hash of its text. */
  readonly id: string;
  readonly hash: string;
}

/** What an event brings. */
interface ChangeEvent {
  /** The response, as it is sent. */
  readonly payload: Buffer;
  /** Rows in it, by dataset. */
  readonly rows: ReadonlyMap<string, number>;
}

/** The reads behind subscriptions: each event is decided on, governed and put on the record like a query. */
export class ChangeReads {
  readonly #options: ChangeReadsOptions;
  readonly #shared = new SharedReads<ChangeEvent>();

  constructor(options: ChangeReadsOptions) {
    this.#options = options;
  }

  /**
   * The plan under the grants of the moment: the right `subscribe` on every dataset that it reads.
   * @throws HeadgateError FORBIDDEN, PURPOSE_REQUIRED or UNAUTHENTICATED, or QUERY_TOO_COMPLEX; each is on the record before.
   */
  async prepare(asked: RowsAsked): Promise<PreparedRead> {
    const { principal, world, view, operation } = asked;
    try {
      const { maxCost, maxResponseBytes } = this.#options.limits;
      if (operation.price > maxCost) throw tooComplex(operation.price, maxCost);
      const { key, selection, shape, dataset } = operation;
      const decisions = [...shape.datasets].map((touched) => world.authorizer.decide(principal, touched, 'subscribe'));
      const id = [key, shape.text, ...decisions.map(({ fingerprint }) => fingerprint)].join('\n');
      const kept = view.plans.get(id);
      if (kept) return kept;
      const decided = new Map(decisions.map((decision) => [decision.dataset.name, decision]));
      const decide = (of: typeof dataset) => decided.get(of.name) ?? world.authorizer.decide(principal, of, 'subscribe');
      const own = decide(dataset);
      if (own.rows === 'none') throw notGranted(own);
      const plan = govern(selection, key, decide);
      const read = preparedRead(plan, compile(plan, world.authorizer.maskKeys, maxResponseBytes), dataset.name, view.schemas.plane);
      if (id.length <= LONGEST_KEPT) view.plans.set(id, read);
      return read;
    } catch (error) {
      if (isHeadgateError(error)) await this.#recordRefusal(asked, error);
      throw error;
    }
  }

  /**
   * What the versions behind `after` brought, up to `upTo`; undefined when there is nothing that the principal may see: to say
   * so would tell of rows that they may not. What is told is on the record before.
   */
  async read(asked: RowsAsked, read: PreparedRead, after: number, upTo: number): Promise<Buffer | undefined> {
    const began = performance.now();
    const { principal, operation, view } = asked;
    const values = operation.shape.values.with(operation.after, String(after)).with(operation.upTo, String(upTo));
    const event = await this.#shared.get(read, boundValues(read.compiled, values, principal), clientKey(principal), async () => {
      const answer = await this.#options.reader.read(read.compiled, values, principal, operation.shape.patterns);
      return { payload: payloadOf(read, view, operation.key, answer), rows: answer.rows };
    });
    if ((event.rows.get(operation.dataset.name) ?? 0) === 0) return undefined;
    await Promise.all(
      read.acts.map((act) => {
        const fact = { ...this.#fact(asked, act.dataset), action: 'read', durationMs: Math.round((performance.now() - began) * 1000) / 1000, ...act };
        const details = { ...act.details, subscription: asked.id };
        return this.#options.audit.record({ ...fact, details, ...(act.decision === 'ALLOWED' && { rowCount: event.rows.get(act.dataset) ?? 0 }) });
      }),
    );
    return event.payload;
  }

  async #recordRefusal(asked: RowsAsked, { code, details }: HeadgateError): Promise<void> {
    const dataset = typeof details['dataset'] === 'string' ? details['dataset'] : asked.operation.dataset.name;
    const field = typeof details['field'] === 'string' && contractName(asked.view.schemas.plane, dataset, details['field']);
    await this.#options.audit.record({
      ...this.#fact(asked, dataset),
      action: 'subscribe',
      decision: 'DENIED',
      details: { code, subscription: asked.id, ...(field !== false && { fields: [field] }) },
    });
  }

  #fact({ principal, hash }: RowsAsked, dataset: string): Pick<AuditFact, 'actor' | 'dataset' | 'operationHash'> {
    return { actor: principal, dataset, operationHash: hash };
  }
}

/** The same for all who get it, so it is written once. */
function payloadOf({ refusals, masked }: PreparedRead, view: View, key: string, { json, failures }: ReadAnswer): Buffer {
  const refused = refusals.map((refusal) => {
    const { code, dataset, field, path } = refusal;
    return refusalError(refusalMessage(refusal), path, { code, dataset, field });
  });
  const failed = failures.map(({ error, path }) => refusalError(error.message, path, { ...error.details, code: error.code }));
  const errors = [...refused, ...failed];
  const data = { [key]: json === null ? null : new RawJson(json) };
  return Buffer.from(view.written({ ...(errors.length > 0 && { errors }), data, ...(masked.length > 0 && { extensions: { governance: { masked } } }) }));
}

function notGranted({ refusal, dataset: { name } }: DatasetDecision): HeadgateError {
  const messages = {
    FORBIDDEN: `You may not subscribe to dataset ${name}. A steward can grant it, with the right "subscribe".`,
    PURPOSE_REQUIRED: `Dataset ${name} can be subscribed to for a purpose only. Declare one of your token's purposes as "purpose" in connectionParams.`,
    UNAUTHENTICATED: `Dataset ${name} is not open to connections without a credential. Send "authorization" or "apiKey" in connectionParams.`,
  };
  return new HeadgateError(refusal, messages[refusal], { dataset: name });
}

function tooComplex(price: number, limit: number): HeadgateError {
  return new HeadgateError(
    'QUERY_TOO_COMPLEX',
    `An event of the subscription could have ${price} values; ${limit} are allowed. Ask for fewer rows (first), fewer fields, or fewer levels.`,
    { price, limit },
  );
}
