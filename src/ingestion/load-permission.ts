import type { Dataset } from '../catalog/index.js';
import { mayIngest, type Authorizer } from '../governance/index.js';
import { ApiKeys, RevokedTokens, type Principal } from '../identity/index.js';
import { HeadgateError } from '../kernel/index.js';
import type { RunEntity } from '../lifecycle/index.js';
import type { Database } from '../store/index.js';
import { checkPatch } from './patch-limits.js';
import type { RunInput } from './run-input.js';

const KEY = 'key:';

export interface LoadPermissionOptions {
  readonly database: Pick<Database, 'manager'>;
  /** Of the grants that are in force at the moment of the call. */
  readonly authorizer: () => Promise<Authorizer>;
}

/**
 * Whether a load whose turn has come is still allowed to who asked for it: by the roles and purposes of their credential at that time, and
 * the grants and revocations of now.
 */
export class LoadPermission {
  readonly #options: LoadPermissionOptions;

  constructor(options: LoadPermissionOptions) {
    this.#options = options;
  }

  /**
   * @param patched fields that a replay sets
   * @throws HeadgateError FORBIDDEN
   */
  async check(run: RunEntity, { actor }: RunInput, dataset: Dataset, patched: readonly string[] = []): Promise<void> {
    if (await this.#isRevoked(run.requestedWith, actor.tokenId)) {
      throw new HeadgateError('FORBIDDEN', 'The credential with which the load was asked for was revoked while it waited. Nothing was changed.', {
        dataset: dataset.name,
      });
    }
    const principal = principalOf(run, actor);
    const authorizer = await this.#options.authorizer();
    if (!mayIngest(authorizer, principal, dataset)) {
      throw new HeadgateError(
        'FORBIDDEN',
        `Who asked for the load may not load into "${dataset.name}" any more: the grant was taken back while it waited. Nothing was changed.`,
        { dataset: dataset.name },
      );
    }
    checkPatch(authorizer, principal, dataset, patched);
  }

  async #isRevoked(credential: string | null, tokenId: string | undefined): Promise<boolean> {
    const { manager } = this.#options.database;
    const keys = credential?.startsWith(KEY) ? [credential.slice(KEY.length)] : [];
    const closed = await new ApiKeys(manager).closedAmong(keys);
    return closed.size > 0 || (tokenId !== undefined && (await new RevokedTokens(manager).has(tokenId)));
  }
}

function principalOf({ requestedBy, requestedWith }: RunEntity, { roles, purpose, purposes = [] }: RunInput['actor']): Principal {
  return {
    subject: requestedBy,
    ...(requestedWith !== null && { credential: requestedWith }),
    roles,
    purposes,
    ...(purpose !== undefined && { purpose }),
    // Row filters, which alone read them, decide nothing of what may be loaded.
    claims: {},
    anonymous: false,
  };
}
