import type { JWTPayload } from 'jose';
import type { Config } from '../config/index.js';
import { HeadgateError, isHeadgateError, sha256 } from '../kernel/index.js';
import type { Outbound } from '../outbound/index.js';
import type { Database, KeyRing } from '../store/index.js';
import { ApiKeys, isApiKey } from './api-keys.js';
import { isPlain, isSubject } from './grantee.js';
import { ANONYMOUS, type Principal } from './principal.js';
import { Recent } from './recent.js';
import { refusal } from './refusal.js';
import { RevokedTokens } from './revoked-tokens.js';
import { claimAt, namesIn } from './roles-claim.js';
import { tokenVerifier, type TokenVerifier } from './token-verifier.js';

/** What a request brings; headers as they came. */
export interface Credentials {
  /** `Authorization: Bearer <JWT>`. */
  readonly authorization?: string | undefined;
  /** `X-Api-Key`. */
  readonly apiKey?: string | undefined;
  /** `X-Purpose`. */
  readonly purpose?: string | undefined;
}

/** Who asks, and how long the credential that says so holds: for connections that outlive a request. */
export interface Standing {
  readonly principal: Principal;
  /** The end of the credential's time, in milliseconds since 1970; infinite without one. */
  readonly until: number;
  /** What can be revoked: the token's `jti`, or the id of the API key. */
  readonly tokenId?: string;
  readonly apiKeyId?: string;
  /** The key that signed the token, where it is ours: tokens end with their key. */
  readonly signedBy?: string;
}

/** A credential that was revoked, here or by another process, is refused after this time at the latest. */
const TRUSTED_MS = 2_000;

const BEARER = /^Bearer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*)$/i;

export interface AuthenticatorOptions {
  readonly config: Pick<Config, 'identityProvider' | 'rolesClaim'>;
  readonly keyRing: KeyRing;
  readonly database: Database;
  /** Gets the keys of the identity provider. */
  readonly outbound: Outbound;
}

/** Turns the credentials of a request into a Principal, or refuses them. */
export class Authenticator {
  readonly #keyRing: KeyRing;
  readonly #tokens: TokenVerifier;
  readonly #apiKeys: ApiKeys;
  readonly #revoked: RevokedTokens;
  readonly #recent = new Recent<Standing>({ maxAgeMs: TRUSTED_MS });

  constructor({ config, keyRing, database, outbound }: AuthenticatorOptions) {
    this.#keyRing = keyRing;
    this.#tokens = tokenVerifier(config, keyRing, outbound);
    this.#apiKeys = new ApiKeys(database.manager);
    this.#revoked = new RevokedTokens(database.manager);
  }

  /**
   * Who asks. No credential at all is ANONYMOUS; one that is not good is refused, never taken for none.
   * @throws HeadgateError UNAUTHENTICATED with `details.reason` (see RefusalReason); FORBIDDEN for a purpose that the
   * credential does not hold; UNAVAILABLE when the identity provider or the database can't be asked.
   */
  async authenticate(credentials: Credentials): Promise<Principal> {
    return (await this.standing(credentials)).principal;
  }

  /** The same, with how long it holds; `revoked` tells of what ends before its time. @throws HeadgateError as `authenticate` */
  async standing({ authorization, apiKey, purpose }: Credentials): Promise<Standing> {
    const standing = await this.#standing(authorization, apiKey);
    const declared = purpose?.trim();
    if (!declared) return standing;
    const { principal } = standing;
    if (!principal.purposes.includes(declared)) throw purposeRefused(principal, declared);
    return { ...standing, principal: Object.freeze({ ...principal, purpose: declared }) };
  }

  /** Those of `standings` whose credential was revoked, as the database has it now; one look for all. */
  async revoked(standings: readonly Standing[]): Promise<ReadonlySet<Standing>> {
    const tokens = standings.flatMap(({ tokenId }) => tokenId ?? []);
    const keys = standings.flatMap(({ apiKeyId }) => apiKeyId ?? []);
    const [gone, closed] = await Promise.all([this.#revoked.among(tokens), this.#apiKeys.closedAmong(keys)]);
    const signers = new Set(this.#keyRing.keys.map((key) => key.signingKey('tokens').keyId));
    return new Set(
      standings.filter(
        ({ tokenId, apiKeyId, signedBy }) =>
          (tokenId !== undefined && gone.has(tokenId)) ||
          (apiKeyId !== undefined && closed.has(apiKeyId)) ||
          (signedBy !== undefined && !signers.has(signedBy)),
      ),
    );
  }

  /** Whether requests can be answered. @throws HeadgateError UNAVAILABLE while the active master key is not held: what is masked would be wrong */
  check(): void {
    void this.#keyRing.active;
  }

  async #standing(authorization: string | undefined, apiKey: string | undefined): Promise<Standing> {
    this.check();
    if (authorization !== undefined && apiKey !== undefined) {
      throw refusal('two-credentials', 'The request has both an Authorization and an X-Api-Key header: send one of them, so that it is clear who asks.');
    }
    if (authorization !== undefined) {
      const token = BEARER.exec(authorization)?.[1];
      if (token === undefined) {
        throw refusal('malformed', 'The Authorization header is not valid: expected "Bearer <JWT>". An API key goes into X-Api-Key.');
      }
      return await this.#verified(`bearer ${sha256(token)}`, 'The bearer token has expired. Get a new one.', () => this.#ofToken(token));
    }
    if (apiKey !== undefined) {
      if (!isApiKey(apiKey))
        throw refusal('malformed', 'The X-Api-Key header is not valid: expected a key that starts with "hg_". A JWT goes into Authorization.');
      return await this.#verified(`key ${sha256(apiKey)}`, 'The API key has expired. Get a new one.', () => this.#ofApiKey(apiKey));
    }
    return { principal: ANONYMOUS, until: Number.POSITIVE_INFINITY };
  }

  async #verified(key: string, expired: string, load: () => Promise<Standing>): Promise<Standing> {
    const standing = await this.#recent.get(key, async () => {
      try {
        return await load();
      } catch (cause) {
        if (isHeadgateError(cause)) throw cause;
        throw new HeadgateError('UNAVAILABLE', "The credential can't be checked now. Try again later.", {}, { cause });
      }
    });
    // It may have expired since it was checked.
    if (Date.now() >= standing.until) throw refusal('expired', expired);
    return standing;
  }

  async #ofToken(token: string): Promise<Standing> {
    const claims = await this.#tokens.verify(token);
    const { sub, jti, exp } = claims as JWTPayload & Record<string, unknown>;
    if (!isSubject(sub)) throw refusal('claims', 'The bearer token is not valid: its claim "sub" is not a subject that can be accepted.');
    if (jti !== undefined && !isPlain(jti)) throw refusal('claims', 'The bearer token is not valid: its claim "jti" is not an id that can be accepted.');
    if (jti !== undefined && (await this.#revoked.has(jti))) throw refusal('revoked', 'The bearer token was revoked. Get a new one.');
    const principal = principalOf(
      { subject: sub, credential: `token:${claims.iss ?? ''}` },
      namesIn(claimAt(claims, this.#tokens.rolesClaim)),
      namesIn(claims['purposes']),
      claims,
    );
    const signedBy = this.#tokens.signerOf(token);
    const until = (exp ?? 0) * 1000 + this.#tokens.toleranceMs;
    return { principal, until, ...(jti !== undefined && { tokenId: jti }), ...(signedBy !== undefined && { signedBy }) };
  }

  async #ofApiKey(key: string): Promise<Standing> {
    const found = await this.#apiKeys.find(key);
    if (!found) throw refusal('unknown', 'The API key is not valid: there is no such key.');
    if (found.revokedAt) throw refusal('revoked', 'The API key was revoked. Get a new one.');
    const { id, subject, roles, purposes, claims, expiresAt } = found;
    const principal = principalOf({ subject, credential: `key:${id}` }, namesIn(roles), namesIn(purposes), { ...claims, sub: subject, roles, purposes });
    return { principal, until: expiresAt?.getTime() ?? Number.POSITIVE_INFINITY, apiKeyId: id };
  }
}

function principalOf(
  who: Pick<Principal, 'subject' | 'credential'>,
  roles: readonly string[],
  purposes: readonly string[],
  claims: Readonly<Record<string, unknown>>,
): Principal {
  return Object.freeze({ ...who, roles, purposes, claims: Object.freeze({ ...claims }), anonymous: false });
}

function purposeRefused({ anonymous, purposes }: Principal, declared: string): HeadgateError {
  const shown = declared.slice(0, 100);
  const why = anonymous
    ? 'the request has no credential, and only a credential can hold purposes. Send one, or leave X-Purpose out.'
    : purposes.length === 0
      ? 'this credential holds no purposes. Ask for one that does, or leave X-Purpose out.'
      : `this credential holds ${purposes.map((name) => `"${name}"`).join(', ')}. Declare one of these, or ask for a credential that holds it.`;
  return new HeadgateError('FORBIDDEN', `The purpose "${shown}" can't be declared: ${why}`, { purpose: shown });
}
