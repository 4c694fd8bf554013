import type { Dataset } from '../catalog/index.js';
import type { Principal } from '../identity/index.js';
import { fingerprint, LruMap } from '../kernel/index.js';
import type { MasterKey } from '../store/index.js';
import { decide } from './decide.js';
import type { DatasetDecision } from './decision.js';
import type { Right } from './grant.js';
import { maskKeys, type MaskKeys } from './mask-keys.js';
import type { Policy } from './policy.js';
import { knownSecrets } from './visibility.js';

/** How many decisions and sets of names are kept; a decision is a few kilobytes. */
const KEPT = 5_000;

/**
 * Decides, and remembers. A decision depends on the policy, the principal's roles, purposes and, where a grant names
 * subjects, its subject; never on claims, whose values come in as parameters of the row filters. One instance belongs to
 * one policy and one master key and goes with them, so that no decision outlives a change of grants, and no answer has values of
 * two keys.
 */
export class Authorizer {
  readonly policy: Policy;
  /** The keys of the masks. @throws HeadgateError UNAVAILABLE where the master key is not held */
  readonly maskKeys: MaskKeys;
  readonly #masterKeyId: string;
  readonly #decisions = new LruMap<string, DatasetDecision>(KEPT);
  readonly #secrets = new LruMap<string, readonly string[]>(KEPT);
  /** A principal is the same object for as long as its credential is trusted without another look. */
  readonly #keys = new WeakMap<Principal, string>();
  readonly #namesSubjects: boolean;

  /** @param master the active master key; without it nothing that needs one is answered */
  constructor(policy: Policy, master?: Pick<MasterKey, 'keyId' | 'derive'>) {
    this.policy = policy;
    this.maskKeys = master ? maskKeys(master) : noKeys;
    this.#masterKeyId = master?.keyId ?? '';
    this.#namesSubjects = [...policy.grantsOn.values()].flat().some((grant) => grant.spec.to.subjects !== undefined);
  }

  decide(principal: Principal, dataset: Dataset, right: Right = 'read'): DatasetDecision {
    const whole = this.policy.catalog.datasets.get(dataset.name) ?? dataset;
    return this.#decisions.getOrMake(`${dataset.name} ${right} ${this.#keyOf(principal)}`, () => this.#keyed(decide(this.policy, principal, whole, right)));
  }

  knownSecrets(principal: Principal): readonly string[] {
    return this.#secrets.getOrMake(this.#keyOf(principal), () => knownSecrets(this.policy, principal));
  }

  /**
   * What is shown masked, and the order of rows at a source, are other values under another master key: a cursor that holds some,
   * or anything else that was kept, must not be taken for one of now.
   */
  #keyed(decision: DatasetDecision): DatasetDecision {
    const usesKeys = decision.dataset.source !== undefined || [...decision.fields.values()].some(({ access }) => access === 'masked');
    return usesKeys ? { ...decision, fingerprint: fingerprint(`${decision.fingerprint} ${this.#masterKeyId}`) } : decision;
  }

  #keyOf(principal: Principal): string {
    const known = this.#keys.get(principal);
    if (known !== undefined) return known;
    const { anonymous, roles, purpose, purposes, subject } = principal;
    const key = JSON.stringify([anonymous, roles.toSorted(), purpose, purposes.toSorted(), this.#namesSubjects ? subject : undefined]);
    this.#keys.set(principal, key);
    return key;
  }
}

const noKeys: MaskKeys = () => {
  throw new Error('there is no master key to mask with');
};
