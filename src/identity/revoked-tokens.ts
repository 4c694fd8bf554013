import { LessThan, type EntityManager } from 'typeorm';
import { HeadgateError } from '../kernel/index.js';
import { LONGEST_TTL_S } from './duration.js';
import { RevokedTokenEntity } from './revoked-token.entity.js';

/** Clocks differ: a token is remembered this much longer than it lives. */
const DAY_MS = 86_400_000;

/** Tokens that are refused although their time is not over, by `jti`. */
export class RevokedTokens {
  readonly #manager: EntityManager;

  constructor(manager: EntityManager) {
    this.#manager = manager;
  }

  /**
   * Ends a token, within two seconds in every process. Doing it twice does it once. When its expiry is not given, it is
   * remembered longer than any token of ours lives.
   * @throws HeadgateError BAD_USER_INPUT for an empty id, or one that is longer than any we would accept.
   */
  async revoke({ id, revokedBy, expiresAt }: { readonly id: string; readonly revokedBy: string; readonly expiresAt?: Date }): Promise<void> {
    if (id === '' || id.length > 255 || id.includes('\0')) {
      throw new HeadgateError('BAD_USER_INPUT', "id: expected the token's claim jti, 1 to 255 characters.", { path: 'id' });
    }
    const now = Date.now();
    await this.#manager.delete(RevokedTokenEntity, { expiresAt: LessThan(new Date(now - DAY_MS)) });
    await this.#manager
      .createQueryBuilder()
      .insert()
      .into(RevokedTokenEntity)
      .values({ id, revokedBy, revokedAt: new Date(now), expiresAt: expiresAt ?? new Date(now + LONGEST_TTL_S * 1000 + DAY_MS) })
      .orIgnore()
      .execute();
  }

  async has(id: string): Promise<boolean> {
    return await this.#manager.existsBy(RevokedTokenEntity, { id });
  }

  /** Those of `ids` that were revoked. */
  async among(ids: readonly string[]): Promise<ReadonlySet<string>> {
    if (ids.length === 0) return new Set();
    const rows = await this.#manager.query<{ id: string }[]>('SELECT id FROM headgate.revoked_token WHERE id = ANY($1::text[])', [ids]);
    return new Set(rows.map(({ id }) => id));
  }
}
