import { randomBytes } from 'node:crypto';
import { IsNull, type EntityManager } from 'typeorm';
import { HeadgateError, isUuid, newId, sha256 } from '../kernel/index.js';
import { ApiKeyEntity } from './api-key.entity.js';
import { checkGrantee, type Grantee } from './grantee.js';

export interface ApiKeyRequest extends Grantee {
  /** What people call it; several may have one name. */
  readonly name: string;
  /** The subject who makes it. */
  readonly createdBy: string;
  /** Never, when absent. */
  readonly expiresAt?: Date;
}

const SHAPE = /^hg_[A-Za-z0-9_-]{43}$/;

/** Whether the text could be one of our keys: what can't be costs no look-up. */
export function isApiKey(text: string): boolean {
  return SHAPE.test(text);
}

/** Keys for programs. Give it a transaction's manager, and what it does is part of that transaction, beside its audit entry. */
export class ApiKeys {
  readonly #manager: EntityManager;

  constructor(manager: EntityManager) {
    this.#manager = manager;
  }

  /**
   * Makes a key. The text is returned this one time and is kept nowhere.
   * @throws HeadgateError BAD_USER_INPUT as `createToken`, and for an empty name or an expiry that is past.
   */
  async create({ name, createdBy, expiresAt, ...grantee }: ApiKeyRequest): Promise<{ readonly key: string; readonly apiKey: ApiKeyEntity }> {
    const { subject, roles, purposes = [], claims = {} } = checkGrantee(grantee);
    if (name.trim() === '' || name.length > 100) throw new HeadgateError('BAD_USER_INPUT', 'name: expected 1 to 100 characters.', { path: 'name' });
    if (expiresAt && !(expiresAt.getTime() > Date.now())) {
      throw new HeadgateError('BAD_USER_INPUT', 'expiresAt: expected a time in the future.', { path: 'expiresAt' });
    }
    const key = `hg_${randomBytes(32).toString('base64url')}`;
    const apiKey = this.#manager.create(ApiKeyEntity, {
      id: newId(),
      name,
      keyHash: sha256(key),
      subject,
      roles: [...roles],
      purposes: [...purposes],
      claims: { ...claims },
      createdBy,
      createdAt: new Date(),
      expiresAt: expiresAt ?? null,
      revokedAt: null,
    });
    await this.#manager.save(ApiKeyEntity, apiKey, { transaction: false });
    return { key, apiKey };
  }

  /**
   * Ends a key, within two seconds in every process. Doing it twice does it once.
   * @throws HeadgateError NOT_FOUND when there is no such key.
   */
  async revoke(id: string): Promise<ApiKeyEntity> {
    if (isUuid(id)) await this.#manager.update(ApiKeyEntity, { id, revokedAt: IsNull() }, { revokedAt: new Date() });
    const apiKey = isUuid(id) ? await this.#manager.findOneBy(ApiKeyEntity, { id }) : null;
    if (!apiKey) throw new HeadgateError('NOT_FOUND', `There is no API key with the id "${id.slice(0, 100)}".`, { id: id.slice(0, 100) });
    return apiKey;
  }

  /** All keys, newest first, revoked and expired ones included. */
  async list(): Promise<ApiKeyEntity[]> {
    return await this.#manager.find(ApiKeyEntity, { order: { createdAt: 'DESC', id: 'DESC' } });
  }

  /** Those of `ids` that were revoked, or are there no more. */
  async closedAmong(ids: readonly string[]): Promise<ReadonlySet<string>> {
    if (ids.length === 0) return new Set();
    const rows = await this.#manager.query<{ id: string }[]>(
      'SELECT k.id FROM unnest($1::uuid[]) AS k (id) WHERE NOT EXISTS (SELECT FROM headgate.api_key a WHERE a.id = k.id AND a.revoked_at IS NULL)',
      [ids],
    );
    return new Set(rows.map(({ id }) => id));
  }

  /** The key's entry, in force or not. */
  async find(key: string): Promise<ApiKeyEntity | undefined> {
    return (await this.#manager.findOneBy(ApiKeyEntity, { keyHash: sha256(key) })) ?? undefined;
  }
}
