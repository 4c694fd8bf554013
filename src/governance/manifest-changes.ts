import { isDeepStrictEqual } from 'node:util';
import type { AuditLog } from '../audit/index.js';
import {
  applyManifests,
  documentText,
  exportManifests,
  loadCatalog,
  parseManifests,
  type ApplyOptions,
  type ApplyResult,
  type Declared,
  type ManifestDocument,
  type ManifestFile,
  type ManifestKind,
  type SourceInspector,
} from '../catalog/index.js';
import type { Principal } from '../identity/index.js';
import { canonicalJson, HeadgateError, sha256, type Log } from '../kernel/index.js';
import type { Database, Transaction } from '../store/index.js';
import { accessDiff, type AccessChange } from './access-diff.js';
import type { Knows } from './cell-text.js';
import { ChangeRules, checkedReason } from './change-policy.js';
import type { ChangeRequestEntity } from './change-request.entity.js';
import { ChangeRequests } from './change-requests.js';
import { needsSecondPerson } from './four-eyes.js';
import { loadPolicy, type Policy } from './policy.js';

export interface ManifestChangesOptions {
  readonly database: Database;
  /** In the order in which they depend on each other. */
  readonly kinds: readonly ManifestKind[];
  readonly audit: Pick<AuditLog, 'recordIn'>;
  readonly sources: SourceInspector;
  readonly log: Log;
  /** Resolves when this process sees what was applied. */
  readonly refresh: () => Promise<unknown>;
}

export interface ChangeOptions {
  readonly dryRun: boolean;
  readonly prune?: boolean | undefined;
  readonly reason?: string | undefined;
  /** As of an apply: gives more documents. */
  readonly prepare?: ApplyOptions['prepare'];
}

export interface ChangeResult extends ApplyResult {
  /** The request that waits for a second person: then nothing was changed. */
  readonly approval?: ChangeRequestEntity;
  /** It waits for one, or would if this were no dry run. */
  readonly needsApproval: boolean;
}

/** Takes a change that waits for a second person out of the transaction that it rolls back. */
class Held extends Error {
  readonly result: ApplyResult;
  readonly accessChanges: readonly AccessChange[];
  readonly base: string;
  constructor(result: ApplyResult, accessChanges: readonly AccessChange[], base: string) {
    super('waits for a second person');
    this.result = result;
    this.accessChanges = accessChanges;
    this.base = base;
  }
}

/** All changes by manifests go through here: those of the API, of the command line, and those that a second person approved. */
export class ManifestChanges {
  readonly #options: ManifestChangesOptions;
  readonly requests: ChangeRequests;

  constructor(options: ManifestChangesOptions) {
    this.#options = options;
    this.requests = new ChangeRequests(options);
  }

  parse(files: readonly ManifestFile[]): ManifestDocument[] {
    return parseManifests(files, this.#options.kinds);
  }

  export() {
    return exportManifests(this.#options.database, this.#options.kinds);
  }

  /**
   * Applies them; or keeps them as a request, when they would show somebody more of a field under a tag that is watched by four
   * eyes, or loosen such a watch.
   * @throws HeadgateError as `applyManifests`; BAD_USER_INPUT without a reason where one is needed.
   */
  async apply(documents: readonly ManifestDocument[], actor: Principal, options: ChangeOptions): Promise<ChangeResult> {
    const reason = checkedReason(options.reason);
    const { prepare } = options;
    let all = documents;
    const prepared: ApplyOptions['prepare'] =
      prepare &&
      (async (tx) => {
        const more = await prepare(tx);
        all = [...documents, ...more];
        return more;
      });
    try {
      let needsApproval = false;
      const result = await this.#run(documents, actor, { ...options, ...(prepared && { prepare: prepared }) }, async (tx) => {
        const rules = await ChangeRules.load(tx);
        const before = rules.wantsFourEyes ? await this.#policy(tx) : undefined;
        const base = before && (await this.#stateOf(tx, all));
        return async (done, declared) => {
          const changed = done.changes.filter(({ change }) => change !== 'unchanged');
          if (!options.dryRun) for (const { kind } of changed) rules.checkReason(kind, reason);
          if (!before || base === undefined || changed.length === 0) return;
          const after = await this.#policy(tx);
          const accessChanges = accessDiff(before, after);
          const loosens = changed.some(({ kind, change }) => kind === 'ChangePolicy' && change !== 'create');
          needsApproval = loosens || declared.some((one) => takesOff(one, rules)) || needsSecondPerson(before, after, rules, accessChanges);
          if (needsApproval && !options.dryRun) throw new Held(done, accessChanges, base);
        };
      });
      return { ...result, needsApproval };
    } catch (error) {
      if (!(error instanceof Held)) throw error;
      const { result, accessChanges, base } = error;
      this.#refuseConfidential(all);
      const manifests = all.map((document) => ({ kind: document.kind, name: document.name, text: this.#textOf(document) }));
      const approval = await this.requests.keep({ manifests, prune: options.prune ?? false, reason, accessChanges, changes: result.changes, base }, actor);
      return { ...result, approval, needsApproval: true };
    }
  }

  /** Who would gain or lose what by them; nothing is changed. @throws HeadgateError as `applyManifests`. */
  async accessDiff(
    documents: readonly ManifestDocument[],
    actor: Principal,
    { prune, knows }: Pick<ChangeOptions, 'prune'> & { readonly knows?: Knows } = {},
  ): Promise<readonly AccessChange[]> {
    let changes: readonly AccessChange[] = [];
    await this.#run(documents, actor, { dryRun: true, prune }, async (tx) => {
      const before = await this.#policy(tx);
      return async () => {
        changes = accessDiff(before, await this.#policy(tx), knows);
      };
    });
    return changes;
  }

  /**
   * Applies what was asked for, in the name of who asked.
   * @throws HeadgateError NOT_FOUND; FORBIDDEN to the person who asked; CONFLICT when it was decided already, or when it would
   * change something else for somebody than it would have when it was asked for.
   */
  async approve(id: string, approver: Principal, comment?: string): Promise<ChangeRequestEntity> {
    const request = await this.requests.pending(id);
    await this.requests.checkIsAnother(request, approver);
    const documents = this.parse(request.manifests.map(({ kind, name, text }) => ({ file: `${kind} ${name}`, text })));
    const { subject, roles } = request.requester;
    const options: ChangeOptions = { dryRun: false, prune: request.prune, reason: request.reason ?? undefined };
    const details = { changeRequest: id, approvedBy: approver.subject };
    await this.#run(
      documents,
      { subject, roles },
      options,
      async (tx) => {
        if ((await this.#stateOf(tx, documents)) !== request.base) throw movedOn(id);
        const before = await this.#policy(tx);
        return async ({ changes }) => {
          const now: unknown = JSON.parse(JSON.stringify([changes, accessDiff(before, await this.#policy(tx))]));
          if (!isDeepStrictEqual(now, [request.changes, request.accessChanges])) throw movedOn(id);
          await this.requests.decide(tx, request, 'APPROVED', approver, comment);
        };
      },
      details,
    );
    return this.requests.find(id);
  }

  async #run(
    documents: readonly ManifestDocument[],
    { subject, roles }: Pick<Principal, 'subject' | 'roles'>,
    { dryRun, prune, reason, prepare }: ChangeOptions,
    review: NonNullable<ApplyOptions['review']>,
    details: Readonly<Record<string, unknown>> = {},
  ): Promise<ApplyResult> {
    const { database, kinds, audit, sources, refresh } = this.#options;
    const why = checkedReason(reason);
    return applyManifests({
      database,
      kinds,
      audit,
      sources,
      actor: { subject, roles },
      documents,
      dryRun,
      ...(prune !== undefined && { prune }),
      ...(prepare && { prepare }),
      ...(why !== undefined && { reason: why }),
      details,
      review,
      notify: refresh,
    });
  }

  /** What is in force of what the documents name: what they would write over. */
  async #stateOf(tx: Transaction, documents: readonly ManifestDocument[]): Promise<string> {
    const state: unknown[] = [];
    for (const kind of this.#options.kinds) {
      const inForce = await kind.load(tx);
      for (const { kind: of, name } of documents) if (of === kind.kind) state.push([of, name, inForce.get(name) ?? null]);
    }
    return sha256(canonicalJson(JSON.parse(JSON.stringify(state))));
  }

  /** A request can be read by more than may read these, and stays when whom they name is erased. */
  #refuseConfidential(documents: readonly ManifestDocument[]): void {
    const found = documents.find(({ kind }) => this.#options.kinds.some((candidate) => candidate.kind === kind && candidate.confidential));
    if (found)
      throw new HeadgateError('CONFLICT', `The rest of what you apply waits for a second person, and a ${found.kind} can't wait. Apply it by itself first.`, {
        kind: found.kind,
        name: found.name,
      });
  }

  async #policy(tx: Transaction): Promise<Policy> {
    return loadPolicy(tx, await loadCatalog(tx), this.#options.log);
  }

  #textOf({ kind: name, name: document, spec }: ManifestDocument): string {
    const kind = this.#options.kinds.find((candidate) => candidate.kind === name);
    if (!kind) throw new Error(`there is no kind ${name}`);
    return spec ? documentText(kind, spec) : documentText({ kind: name }, { name: document, state: 'absent' });
  }
}

function movedOn(id: string): HeadgateError {
  return new HeadgateError(
    'CONFLICT',
    'The catalog or the grants have changed since this was asked for, and it would now change something else for somebody. Nothing was changed. Refuse it, and let it be asked for again.',
    { changeRequest: id },
  );
}

/** A pipeline that declares its step anonymises takes tags, or whom rows are about, off what it makes. */
function takesOff({ declares }: Declared, rules: ChangeRules): boolean {
  const steps = declares['anonymises'] as readonly { readonly tags?: readonly string[]; readonly subject?: boolean }[] | undefined;
  return (steps ?? []).some(({ tags, subject }) => subject === true || rules.isTouched(tags ?? []));
}
