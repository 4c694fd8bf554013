import type { Dataset } from '../catalog/index.js';
import type { Principal } from '../identity/index.js';
import { LruMap } from '../kernel/index.js';
import { decide } from './decide.js';
import type { DatasetDecision } from './decision.js';
import type { Right } from './grant.js';
import type { Policy } from './policy.js';
import { knownSecrets } from './visibility.js';

/** How many decisions and sets of names are kept; a decision is a few kilobytes. */
const KEPT = 5_000;

/**
 * Decides, and remembers. A decision depends on the policy, the principal's roles, purposes and, where a grant names
 * subjects, its subject; never on claims, whose values come in as parameters of the row filters. One instance belongs to
 * one policy and goes with it, so that no decision outlives a change of grants.
 */
export class Authorizer {
  readonly policy: Policy;
  readonly #decisions = new LruMap<string, DatasetDecision>(KEPT);
  readonly #secrets = new LruMap<string, readonly string[]>(KEPT);
  /** A principal is the same object for as long as its credential is trusted without another look. */
  readonly #keys = new WeakMap<Principal, string>();
  readonly #namesSubjects: boolean;

  constructor(policy: Policy) {
    this.policy = policy;
    this.#namesSubjects = [...policy.grantsOn.values()].flat().some((grant) => grant.spec.to.subjects !== undefined);
  }

  decide(principal: Principal, dataset: Dataset, right: Right = 'read'): DatasetDecision {
    const whole = this.policy.catalog.datasets.get(dataset.name) ?? dataset;
    return this.#decisions.getOrMake(`${dataset.name} ${right} ${this.#keyOf(principal)}`, () => decide(this.policy, principal, whole, right));
  }

  knownSecrets(principal: Principal): readonly string[] {
    return this.#secrets.getOrMake(this.#keyOf(principal), () => knownSecrets(this.policy, principal));
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
