import { absentDocument, applyWithin, fixedFields, loadCatalog, type ContractDraft, type Dataset, type ManifestKind } from '../catalog/index.js';
import type { AuditLog } from '../audit/index.js';
import { HeadgateError, isHeadgateError, type Log } from '../kernel/index.js';
import type { Transaction } from '../store/index.js';
import { ChangeRules } from './change-policy.js';
import { needsSecondPerson } from './four-eyes.js';
import { loadPolicy, type Policy } from './policy.js';

export interface ContractKeeperOptions {
  /** In the order in which they depend on each other. */
  readonly kinds: readonly ManifestKind[];
  readonly audit: Pick<AuditLog, 'recordIn'>;
  readonly log: Log;
  /** Resolves when this process sees what is in force. */
  readonly refresh?: () => Promise<unknown>;
}

/** Who loads, as far as a change of the contract says so. */
interface Loader {
  readonly subject: string;
  readonly roles: readonly string[];
}

/** Contracts that follow what is loaded (`drift: evolve`): what such a change may touch, and the change, under the rules of every other one. */
export class ContractKeeper {
  readonly #options: ContractKeeperOptions;

  constructor(options: ContractKeeperOptions) {
    this.#options = options;
  }

  /** The fields whose type something depends on: another field or dataset, a pipeline, a mask, or the condition of a grant. */
  async fixed(tx: Transaction, dataset: Dataset): Promise<ReadonlySet<string>> {
    const policy = await this.#policy(tx);
    const fixed = new Set(fixedFields(dataset, policy.catalog.datasets.values()));
    for (const { rows, effects } of policy.grantsOn.get(dataset.name) ?? []) {
      for (const column of rows?.columns ?? []) fixed.add(column);
      for (const [field, effect] of effects) if (effect.kind !== 'allow' && effect.kind !== 'deny') fixed.add(field);
      if ([...effects.values()].some(({ kind }) => kind === 'sql')) for (const { name } of dataset.fields) fixed.add(name);
    }
    if (await this.#isRead(tx, dataset.name)) for (const { name } of dataset.fields) fixed.add(name);
    return fixed;
  }

  /**
   * Brings the draft into force. The caller's transaction has locked the catalog.
   * @throws HeadgateError CONFLICT when a change policy wants more than a load can give, or something depends on what would change
   */
  async save(tx: Transaction, { spec, dataset, columns, wider }: ContractDraft, { subject, roles }: Loader, runId: string): Promise<void> {
    const document = { ...absentDocument('Dataset', spec.name), spec };
    await applyWithin(tx, {
      kinds: this.#options.kinds,
      // One entry, which says more: below.
      audit: { recordIn: async () => undefined },
      actor: { subject, roles: [...roles] },
      documents: [document],
      follows: true,
      review: async () => {
        const rules = await ChangeRules.load(tx);
        const before = rules.wantsFourEyes ? await this.#policy(tx) : undefined;
        return async () => {
          try {
            rules.checkReason('Dataset', undefined);
          } catch (error) {
            throw isHeadgateError(error) ? refused(spec.name, 'a change policy wants a reason for it') : error;
          }
          if (before && needsSecondPerson(before, await this.#policy(tx), rules))
            throw refused(spec.name, 'a change policy wants a second person to agree to it');
        };
      },
    });
    await this.#options.audit.recordIn(tx, {
      actor: { subject, roles: [...roles] },
      action: 'dataset.evolve',
      dataset: spec.name,
      fields: [...columns, ...wider].map(({ field }) => field),
      decision: 'ALLOWED',
      details: { run: runId, contractVersion: dataset.contractVersion, added: columns.map(({ field, type }) => ({ field, type })), widened: wider },
    });
  }

  /** After the commit of a load that changed a contract. */
  async settled(): Promise<void> {
    await this.#options.refresh?.();
  }

  async #policy(tx: Transaction): Promise<Policy> {
    return loadPolicy(tx, await loadCatalog(tx), this.#options.log);
  }

  /** Whether a pipeline reads it. */
  async #isRead(tx: Transaction, dataset: string): Promise<boolean> {
    for (const kind of this.#options.kinds) {
      if (kind.kind !== 'Pipeline' || !kind.needs) continue;
      for (const spec of (await kind.load(tx)).values()) if (kind.needs(spec).some((need) => need.kind === 'Dataset' && need.name === dataset)) return true;
    }
    return false;
  }
}

function refused(dataset: string, why: string): HeadgateError {
  return new HeadgateError(
    'CONFLICT',
    `The load brings columns or values that the contract of "${dataset}" would have to follow, and ${why}, which a load can't give. Nothing was loaded: change the contract with headgate apply, and load again.`,
    { dataset, changePolicy: true },
  );
}
