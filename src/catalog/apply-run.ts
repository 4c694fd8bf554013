import { isDeepStrictEqual } from 'node:util';
import type { AuditFact } from '../audit/index.js';
import { HeadgateError, isHeadgateError } from '../kernel/index.js';
import type { Transaction } from '../store/index.js';
import type { ApplyOptions, ApplyResult, ManifestChange } from './apply-options.js';
import { LOCK_TIMEOUT_MS } from './change-table.js';
import { describeKeys } from './describe.js';
import { loadCatalog } from './load-catalog.js';
import type { ApplyContext, Fail, ManifestKind } from './manifest-kind.js';
import { absentDocument, type ManifestDocument } from './manifest.js';
import type { Catalog } from './catalog.js';
import { catalogVersion, lockCatalog, raiseCatalogVersion } from './version.js';

/** Another apply is waited for this long; its own work takes seconds. */
const WAIT_FOR_APPLY_MS = 20_000;

/** Of an apply whose transaction is there. */
export interface WithinOptions extends Omit<ApplyOptions, 'database' | 'notify'> {
  /** It is a load that asks for it, under `drift: evolve`. */
  readonly follows?: boolean;
}

interface Removal {
  readonly kind: ManifestKind;
  readonly name: string;
  readonly document: ManifestDocument | undefined;
}

/** One apply within one transaction: kinds in order save what is new or changed; then removals, the last kind first. */
export class ApplyRun {
  readonly #tx: Transaction;
  #documents: readonly ManifestDocument[];
  readonly #options: WithinOptions;
  readonly #changes: ManifestChange[] = [];
  readonly #removals: Removal[] = [];
  readonly #stillInForce: { kind: string; name: string }[] = [];
  readonly #warnings: string[] = [];
  /** What is in the audit besides the names. */
  readonly #declared = new Map<string, Readonly<Record<string, unknown>>>();
  readonly #context: ApplyContext;
  #catalog: { readonly mark: string; readonly value: Catalog } | undefined;

  constructor(tx: Transaction, documents: readonly ManifestDocument[], options: WithinOptions) {
    this.#tx = tx;
    this.#documents = documents;
    this.#options = options;
    this.#context = {
      tx,
      appliedBy: options.actor.subject,
      catalog: () => this.#readCatalog(),
      ...(options.sources && { sources: options.sources }),
      ...(options.follows && { follows: true }),
      warn: (message) => this.#warnings.push(message),
    };
  }

  async run(): Promise<ApplyResult> {
    await this.#tx.query("SELECT set_config('lock_timeout', $1, true)", [`${WAIT_FOR_APPLY_MS}ms`]);
    await lockCatalog(this.#tx);
    await this.#tx.query("SELECT set_config('lock_timeout', $1, true)", [`${LOCK_TIMEOUT_MS}ms`]);
    const before = await catalogVersion(this.#tx);
    if (this.#options.prepare) this.#documents = [...this.#documents, ...(await this.#options.prepare(this.#tx))];
    const conclude = await this.#options.review?.(this.#tx);

    for (const kind of this.#options.kinds) await this.#applyKind(kind);
    await this.#checkNeeds();
    for (const removal of this.#removals.toReversed()) await this.#remove(removal);
    // At the end: a document of one kind may lead to what a later one makes, or leave together with it.
    for (const kind of this.#options.kinds) await this.#agree(kind, 'conclude');

    const changed = this.#changed();
    const version = changed.length > 0 ? await raiseCatalogVersion(this.#tx) : before;
    const { dryRun = false } = this.#options;
    const result = { changes: this.#changes, stillInForce: this.#stillInForce, warnings: this.#warnings, version: dryRun ? before : version, dryRun };
    const declared = changed.map(({ kind, name }) => ({ kind, name, declares: this.#declared.get(idOf(kind, name)) ?? {} }));
    await conclude?.(result, declared);
    if (!dryRun) await this.#record(changed, version);
    return result;
  }

  #changed(kind?: string): ManifestChange[] {
    return this.#changes.filter((change) => change.change !== 'unchanged' && (kind === undefined || change.kind === kind));
  }

  async #applyKind(kind: ManifestKind): Promise<void> {
    const documents = this.#documents.filter((document) => document.kind === kind.kind);
    const inForce = await kind.load(this.#tx);
    const elsewhere = (await kind.madeElsewhere?.(this.#tx)) ?? new Map<string, string>();
    for (const document of documents) {
      const maker = elsewhere.get(document.name);
      if (maker) document.fail(['name'], `${document.name} is made by ${maker}; change or remove that instead`, 'CONFLICT');
      if (document.spec) await this.#save(kind, document, document.spec, inForce.get(document.name));
      else if (inForce.has(document.name)) this.#removals.push({ kind, name: document.name, document });
      else this.#changes.push({ kind: kind.kind, name: document.name, change: 'unchanged', details: ['not in force'] });
    }
    const named = new Set(documents.map(({ name }) => name));
    for (const name of inForce.keys()) {
      if (named.has(name)) continue;
      if (this.#options.prune && !kind.staysUnlessNamed) this.#removals.push({ kind, name, document: undefined });
      else this.#stillInForce.push({ kind: kind.kind, name });
    }
    await this.#agree(kind, 'settle');
  }

  async #save(kind: ManifestKind, document: ManifestDocument, spec: object, before: object | undefined): Promise<void> {
    const { name } = document;
    if (before && isDeepStrictEqual(before, spec)) {
      this.#changes.push({ kind: kind.kind, name, change: 'unchanged', details: [] });
      return;
    }
    await placed(document, () => kind.save(name, spec, before, this.#context, document.fail));
    const details = kind.describe ? kind.describe(before, spec) : before ? describeKeys(before, spec) : [];
    this.#changes.push({ kind: kind.kind, name, change: before ? 'update' : 'create', details });
    this.#declared.set(idOf(kind.kind, name), kind.record?.(spec) ?? {});
  }

  async #agree(kind: ManifestKind, hook: 'settle' | 'conclude'): Promise<void> {
    if (!kind[hook] || (this.#changed().length === 0 && this.#removals.length === 0)) return;
    const places = new Map(this.#documents.filter((document) => document.kind === kind.kind).map((document) => [document.name, document.fail]));
    const failOf = (name: string): Fail => places.get(name) ?? absentDocument(kind.kind, name).fail;
    const saved = this.#changed(kind.kind).map(({ name }) => name);
    const inForce = new Map(await kind.load(this.#tx));
    for (const removal of this.#removals) if (removal.kind === kind) inForce.delete(removal.name);
    await kind[hook]?.(inForce, this.#context, failOf, new Set(saved));
  }

  /** What stays must not need what goes. */
  async #checkNeeds(): Promise<void> {
    if (this.#removals.length === 0) return;
    const going = new Map(this.#removals.map((removal) => [idOf(removal.kind.kind, removal.name), removal]));
    for (const kind of this.#options.kinds) {
      if (!kind.needs) continue;
      for (const [name, spec] of await kind.load(this.#tx)) {
        if (going.has(idOf(kind.kind, name))) continue;
        for (const need of kind.needs(spec)) {
          const removal = going.get(idOf(need.kind, need.name));
          const document = removal && (removal.document ?? absentDocument(need.kind, need.name));
          document?.fail(['name'], `it can't be removed, because ${kind.kind} ${name} needs it; change or remove that as well`, 'CONFLICT');
        }
      }
    }
  }

  async #remove({ kind, name, document }: Removal): Promise<void> {
    await placed(document, () => kind.remove(name, this.#context));
    this.#changes.push({ kind: kind.kind, name, change: 'remove', details: [] });
  }

  async #record(changes: readonly ManifestChange[], version: string): Promise<void> {
    const { audit, actor, reason, details } = this.#options;
    const facts = changes.map(({ kind, name, change }): AuditFact => ({
      actor,
      action: 'apply',
      ...((kind === 'Dataset' || kind === 'Classification') && { dataset: name }),
      decision: 'ALLOWED',
      details: { ...this.#declared.get(idOf(kind, name)), ...details, ...(reason !== undefined && { reason }), kind, name, change, catalogVersion: version },
    }));
    await audit.recordIn(this.#tx, ...facts);
  }

  /** Read again only when a dataset, classification, purpose or source was written since; kinds ask for it for each document. */
  async #readCatalog(): Promise<Catalog> {
    const [row] = await this.#tx.query<{ mark: string }>(`
      SELECT coalesce((SELECT string_agg(id || ':' || contract_version, ',' ORDER BY id) FROM headgate.dataset), '') || '/'
          || coalesce((SELECT string_agg(name || ':' || ctid, ',' ORDER BY name) FROM headgate.purpose), '') || '/'
          || coalesce((SELECT string_agg(name || ':' || ctid, ',' ORDER BY name) FROM headgate.classification), '') || '/'
          || coalesce((SELECT string_agg(name || ':' || ctid, ',' ORDER BY name) FROM headgate.source), '') AS mark`);
    const mark = row?.mark ?? '';
    if (this.#catalog?.mark !== mark) this.#catalog = { mark, value: await loadCatalog(this.#tx) };
    return this.#catalog.value;
  }
}

function idOf(kind: string, name: string): string {
  return `${kind} ${name}`;
}

/** Gives the document's place to an error that has none. */
async function placed(document: ManifestDocument | undefined, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!document || !isHeadgateError(error) || error.details.file !== undefined) throw error;
    const { details } = place(document);
    throw new HeadgateError(error.code, error.message, { ...details, ...error.details }, { cause: error });
  }
}

function place(document: ManifestDocument): HeadgateError {
  try {
    return document.fail(['name'], '');
  } catch (error) {
    if (isHeadgateError(error)) return error;
    throw error;
  }
}
