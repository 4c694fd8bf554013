import type { GraphQLError, GraphQLResolveInfo } from 'graphql';
import {
  answerTooLarge,
  compile,
  govern,
  manyByKey,
  price,
  refusalMessage,
  type Admission,
  type Fetches,
  type ReadAnswer,
  type ReadSelection,
  type Reader,
} from '../../access/index.js';
import type { AuditFact } from '../../audit/index.js';
import type { Limits } from '../../config/index.js';
import type { Authorizer, DatasetDecision, MaskKeys } from '../../governance/index.js';
import type { Principal } from '../../identity/index.js';
import { HeadgateError, isHeadgateError } from '../../kernel/index.js';
import { refusalError } from '../errors.js';
import { RawJson } from './raw-json.js';
import { keyValues } from '../federation/entity-key.js';
import { ENTITIES } from '../federation/federation-types.js';
import { groupByType, readInOrder, type EntityGroup } from '../federation/representations.js';
import { KeyBatches } from './key-batches.js';
import { contractName, preparedRead, type PlanCache, type PreparedRead } from './prepared-read.js';
import type { PreparedRoot } from './prepared-root.js';
import { select, selectEntities, type Selected } from './select.js';
import type { Template } from './template.js';
import type { DataPlane } from './types.js';

/** Characters of the shape of a request whose plan is kept; an ordinary one has some hundred. */
const LONGEST_KEPT = 16_384;

export interface DatasetReadsOptions {
  readonly principal: Principal;
  readonly plane: DataPlane;
  readonly plans: PlanCache;
  readonly authorizer: Authorizer;
  readonly reader: Reader;
  readonly maskKeys: MaskKeys;
  readonly audit: { record(fact: AuditFact): Promise<void> };
  readonly limits: Limits;
  readonly admission: Admission;
  /** Of the socket. */
  readonly address?: string | undefined;
  /** SHA-256 of the operation's text. */
  readonly operationHash: string;
}

/**
 * The reads of one request. A root field is `prepared` by the shield's rule (selected, priced, decided, governed) and
 * `run` by its resolver. What was refused or masked is gathered here and joins the response at its end.
 */
export class DatasetReads {
  readonly #options: DatasetReadsOptions;
  readonly #prepared = new Map<string, PreparedRoot>();
  /** `_entities`: for each type a read of its own. */
  readonly #entities = new Map<string, readonly (EntityGroup & { readonly root: PreparedRoot })[]>();
  readonly #batches: KeyBatches;
  readonly #templates = new Map<string, { template: Template; values: readonly unknown[] }>();
  readonly #masked = new Set<string>();
  /** What APIs are asked for by all roots of the request. */
  readonly #fetches: Fetches = new Map();
  /** Relations to other places that did not answer. */
  readonly #failures = new Map<PreparedRoot, ReadAnswer['failures']>();
  readonly errors: GraphQLError[] = [];
  /** The response keys of `_entities`. */
  readonly entityRoots = new Set<string>();
  #price = 0;
  #bytes = 0;
  /** Places that reads of this request have. */
  #places = 0;
  #freed = Promise.withResolvers<void>();
  #retryAfter: number | undefined;

  constructor(options: DatasetReadsOptions) {
    this.#options = options;
    this.#batches = new KeyBatches((roots) => this.#readTogether(roots), options.limits.maxPage);
  }

  /** `dataset.field` of what the response shows masked, sorted. */
  get masked(): readonly string[] {
    return [...this.#masked].toSorted();
  }

  /** Seconds after which what was refused for a limit can be tried again; undefined when nothing was. */
  get retryAfter(): number | undefined {
    return this.#retryAfter;
  }

  /** Says of a root field that will be prepared what it selects: it was found out for an earlier request. */
  expect(rootKey: string, template: Template, values: readonly unknown[]): void {
    this.#templates.set(rootKey, { template, values });
  }

  /**
   * @throws HeadgateError FORBIDDEN, PURPOSE_REQUIRED or UNAUTHENTICATED when the read as a whole is refused (recorded
   *   before it is told), QUERY_TOO_COMPLEX with the price, BAD_USER_INPUT.
   */
  async prepare(args: Readonly<Record<string, unknown>>, info: GraphQLResolveInfo): Promise<void> {
    const began = performance.now();
    const { plane, limits, principal, authorizer, plans } = this.#options;
    const rootKey = String(info.path.key);
    const expected = this.#templates.get(rootKey);
    if (expected) {
      const { template, values } = expected;
      const { selection, shape } = template;
      if (!this.#charge(template.price)) throw await this.#tooComplex(selection, began);
      const decisions = template.datasets.map((dataset) => authorizer.decide(principal, dataset));
      let id = template.id;
      for (const { fingerprint } of decisions) id += ` ${fingerprint}`;
      const read = plans.get(id) ?? (await this.#plan(selection, decisions, rootKey, began));
      plans.set(id, read);
      this.#prepared.set(rootKey, { rootKey, read, request: { values, patterns: [] }, selection, shape, decisions, began });
      return;
    }
    if (info.fieldName === ENTITIES) return this.#prepareEntities(args, info, began);
    const root = plane.roots.get(info.fieldName);
    if (!root) throw new HeadgateError('NOT_FOUND', `There is no dataset behind ${info.fieldName}.`);
    const selected = select(root, info.fieldNodes, args, plane, { fragments: info.fragments, variables: info.variableValues }, limits);
    this.#prepared.set(rootKey, await this.#prepareSelected(selected, rootKey, began));
  }

  /** All types are prepared before the first is read: where one is refused, nothing was. */
  async #prepareEntities(args: Readonly<Record<string, unknown>>, info: GraphQLResolveInfo, began: number): Promise<void> {
    const { plane, limits } = this.#options;
    const rootKey = String(info.path.key);
    this.entityRoots.add(rootKey);
    const document = { fragments: info.fragments, variables: info.variableValues };
    const groups = groupByType(args['representations'], (typeName) => plane.entities.has(typeName), limits.maxPage);
    const selected = groups.flatMap((group) => {
      const dataset = plane.entities.get(group.typeName)?.dataset;
      if (!dataset) return [];
      const keys = group.references.map((reference) => keyValues(dataset, reference));
      return [{ ...group, selected: selectEntities(dataset, keys, info.fieldNodes, plane, document, limits) }];
    });
    const prepared: (EntityGroup & { root: PreparedRoot })[] = [];
    for (const group of selected) prepared.push({ ...group, root: await this.#prepareSelected(group.selected, rootKey, began) });
    this.#entities.set(rootKey, prepared);
  }

  async #prepareSelected({ selection, shape }: Selected, rootKey: string, began: number): Promise<PreparedRoot> {
    const { principal, authorizer, plans } = this.#options;
    if (!this.#charge(price(selection))) throw await this.#tooComplex(selection, began);
    const decisions = [...shape.datasets].map((dataset) => authorizer.decide(principal, dataset));
    const id = [rootKey, shape.text, ...decisions.map((decision) => decision.fingerprint)].join('\n');
    const read = plans.get(id) ?? (await this.#plan(selection, decisions, rootKey, began));
    // A plan of its kind comes once: kept, a few thousand of them would fill the memory.
    if (id.length <= LONGEST_KEPT) plans.set(id, read);
    return { rootKey, read, request: shape, selection, shape: shape.text, decisions, began };
  }

  async #plan(selection: ReadSelection, decisions: readonly DatasetDecision[], rootKey: string, began: number): Promise<PreparedRead> {
    const { principal, authorizer, maskKeys, plane, limits } = this.#options;
    const dataset = datasetOf(selection);
    const decided = new Map(decisions.map((decision) => [decision.dataset.name, decision]));
    try {
      const plan = govern(selection, rootKey, (other) => decided.get(other.name) ?? authorizer.decide(principal, other));
      return preparedRead(plan, compile(plan, maskKeys, limits.maxResponseBytes), dataset, plane);
    } catch (error) {
      if (isHeadgateError(error) && isRefusal(error)) await this.#recordRefusal(error, dataset, began);
      throw error;
    }
  }

  /** @throws HeadgateError RATE_LIMITED when the principal has too many reads under way; what `Reader.read` throws. */
  async run(info: GraphQLResolveInfo): Promise<RawJson | null> {
    try {
      const leave = await this.#enter();
      try {
        return await this.#run(info);
      } finally {
        leave();
      }
    } catch (error) {
      if (isHeadgateError(error)) this.#noteLimit(error);
      throw error;
    }
  }

  #noteLimit(error: HeadgateError): void {
    const { retryAfter, reason } = error.details;
    if (typeof retryAfter === 'number') this.#retryAfter = Math.max(this.#retryAfter ?? 0, retryAfter);
    if (reason === 'overload') this.#options.admission.refused(this.#options.principal, error);
  }

  /** A place among the reads of the principal. Where this request's own reads have taken the last one, it waits for them. */
  async #enter(): Promise<() => void> {
    const { admission, principal, address } = this.#options;
    for (;;) {
      const leave = this.#places === 0 ? admission.enter(principal, address) : admission.tryEnter(principal, address);
      if (leave) return this.#keep(leave);
      await this.#freed.promise;
    }
  }

  #keep(leave: () => void): () => void {
    this.#places += 1;
    return () => {
      leave();
      this.#places -= 1;
      this.#freed.resolve();
      this.#freed = Promise.withResolvers();
    };
  }

  async #run(info: GraphQLResolveInfo): Promise<RawJson | null> {
    const rootKey = String(info.path.key);
    const entities = this.#entities.get(rootKey);
    if (entities) {
      const texts = await readInOrder(entities, async ({ root }) => this.#answers(root, () => this.#readEach(root)));
      // In the order of the representations, whichever type was faster.
      for (const { root } of entities) this.#gather(root);
      return new RawJson(`[${texts.map((text) => text ?? 'null').join(',')}]`);
    }
    const root = this.#prepared.get(rootKey);
    if (!root) throw new Error(`${info.fieldName} was not prepared`);
    const [json = null] = await this.#answers(root, async () => [await this.#read(root)]);
    this.#gather(root);
    return json === null ? null : new RawJson(json);
  }

  /** Most requests have one root: it waits for no other. */
  async #read(root: PreparedRoot): Promise<ReadAnswer> {
    if (this.#prepared.size > 1 && root.selection.kind === 'byKey') return this.#batches.load(root);
    const { reader, principal, authorizer } = this.#options;
    return reader.read(root.read.compiled, root.request.values, principal, root.request.patterns, authorizer.policy.catalog.version, this.#fetches);
  }

  async #readEach({ read, request }: PreparedRoot): Promise<readonly ReadAnswer[]> {
    return this.#options.reader.readEach(read.compiled, request.values, this.#options.principal, request.patterns, this.#fetches);
  }

  /** Rows by key that differ in their keys alone: one statement for all. What is said of each read stays its own. */
  async #readTogether(roots: readonly PreparedRoot[]): Promise<readonly ReadAnswer[]> {
    const { principal, plans, reader, authorizer } = this.#options;
    const [first] = roots;
    if (first?.selection.kind !== 'byKey') return [];
    const { selection, decisions, shape, request, began } = first;
    const { version } = authorizer.policy.catalog;
    if (roots.length === 1) return [await reader.read(first.read.compiled, request.values, principal, request.patterns, version, this.#fetches)];
    // No alias holds a NUL, so no read of one key has this id.
    const id = ['\0many', shape, ...decisions.map((decision) => decision.fingerprint)].join('\n');
    const read = plans.get(id) ?? (await this.#plan(manyByKey(selection, roots.length), decisions, '', began));
    if (id.length <= LONGEST_KEPT) plans.set(id, read);
    const values = [...request.values];
    for (const { value } of selection.key) values[value.slot] = roots.map((root) => root.request.values[value.slot]);
    const answers = await reader.readEach(read.compiled, values, principal, request.patterns, this.#fetches);
    return answers.map((answer, i) => ({
      ...answer,
      failures: answer.failures.map((failure) => ({ ...failure, path: [roots[i]?.rootKey ?? '', ...failure.path.slice(1)] })),
    }));
  }

  /** The JSON of answers, once what is on record of them is durable. */
  async #answers(root: PreparedRoot, readAll: () => Promise<readonly ReadAnswer[]>): Promise<readonly (string | null)[]> {
    try {
      const answers = await readAll();
      this.#measure(answers);
      const failures = [...new Set(answers.flatMap((answer) => answer.failures))];
      const cached = answers.length > 0 && answers.every((answer) => answer.cached);
      // Strict: the answer waits until its entries are durable.
      await this.#record(root.read, { rows: rowsOf(answers), failures, cached }, root.began);
      this.#failures.set(root, failures);
      return answers.map((answer) => answer.json);
    } catch (error) {
      const code = isHeadgateError(error) ? error.code : 'INTERNAL_SERVER_ERROR';
      // What can't be reached can't be written to either, unless it is a source; nothing was told, so nothing is missing on the record.
      const isSource = isHeadgateError(error) && error.details['source'] !== undefined;
      if (code !== 'UNAVAILABLE' || isSource)
        await this.#options.audit.record({ ...this.#fact(root.read.dataset, root.began), decision: 'FAILED', details: { code } });
      throw error;
    }
  }

  /** @throws HeadgateError QUERY_TOO_COMPLEX when the answers of this request are larger than they may be together */
  #measure(answers: readonly ReadAnswer[]): void {
    for (const { bytes } of answers) this.#bytes += bytes;
    const { maxResponseBytes } = this.#options.limits;
    if (this.#bytes > maxResponseBytes) throw answerTooLarge(this.#bytes, maxResponseBytes);
  }

  /** False when the request asks for more than it may. */
  #charge(amount: number): boolean {
    this.#price += amount;
    return this.#price <= this.#options.limits.maxCost;
  }

  /** Puts the refusal on the record. */
  async #tooComplex(selection: ReadSelection, began: number): Promise<HeadgateError> {
    const { maxCost } = this.#options.limits;
    const error = new HeadgateError(
      'QUERY_TOO_COMPLEX',
      `The query could return ${this.#price} values; ${maxCost} are allowed. Ask for smaller pages (first), fewer fields, or fewer levels.`,
      { price: this.#price, limit: maxCost },
    );
    await this.#recordRefusal(error, datasetOf(selection), began);
    return error;
  }

  #gather(root: PreparedRoot): void {
    const { refusals, masked } = root.read;
    for (const { error, path } of this.#failures.get(root) ?? []) this.errors.push(refusalError(error.message, path, { ...error.details, code: error.code }));
    for (const refusal of refusals) {
      const { code, dataset, field, path } = refusal;
      this.errors.push(refusalError(refusalMessage(refusal), path, { code, dataset, field }));
    }
    for (const name of masked) this.#masked.add(name);
  }

  /** A dataset that a failed relation leads to is on the record as failed; as read too, where the answer has rows of it from elsewhere. */
  async #record({ acts }: PreparedRead, { rows, failures, cached }: Pick<ReadAnswer, 'rows' | 'failures' | 'cached'>, began: number): Promise<void> {
    const { audit } = this.#options;
    const failed = new Map(failures.flatMap(({ error, datasets }) => [...datasets].map((dataset) => [dataset, error.code] as const)));
    const done = acts.filter(({ dataset, decision }) => decision !== 'ALLOWED' || !failed.has(dataset) || rows.has(dataset));
    const recorded = done.map((act) => {
      const fact = { ...this.#fact(act.dataset, began), ...act };
      if (act.decision !== 'ALLOWED') return audit.record(fact);
      return audit.record({ ...fact, rowCount: rows.get(act.dataset) ?? 0, ...(cached && { details: { ...act.details, cached } }) });
    });
    for (const [dataset, code] of failed) recorded.push(audit.record({ ...this.#fact(dataset, began), decision: 'FAILED', details: { code } }));
    await (recorded.length === 1 ? recorded[0] : Promise.all(recorded));
  }

  async #recordRefusal(error: HeadgateError, dataset: string, began: number): Promise<void> {
    const { code, details } = error;
    const named = typeof details['dataset'] === 'string' ? details['dataset'] : dataset;
    await this.#options.audit.record({
      ...this.#fact(named, began),
      decision: 'DENIED',
      details: { code, ...(typeof details['field'] === 'string' && { fields: [contractName(this.#options.plane, named, details['field'])] }) },
    });
  }

  #fact(dataset: string, began: number): Pick<AuditFact, 'actor' | 'action' | 'dataset' | 'operationHash' | 'durationMs'> {
    const { principal, operationHash } = this.#options;
    return { actor: principal, action: 'read', dataset, operationHash, durationMs: Math.round((performance.now() - began) * 1000) / 1000 };
  }
}

function datasetOf(selection: ReadSelection): string {
  return selection.kind === 'connection' ? selection.connection.dataset.name : selection.row.dataset.name;
}

/** Rows by dataset, of all answers together. */
function rowsOf(answers: readonly ReadAnswer[]): ReadonlyMap<string, number> {
  const [first, ...others] = answers;
  if (first && others.length === 0) return first.rows;
  const sum = new Map<string, number>();
  for (const { rows } of answers) for (const [dataset, count] of rows) sum.set(dataset, (sum.get(dataset) ?? 0) + count);
  return sum;
}

function isRefusal(error: HeadgateError): boolean {
  return error.code === 'FORBIDDEN' || error.code === 'PURPOSE_REQUIRED' || error.code === 'UNAUTHENTICATED';
}
