import { SignJWT } from 'jose';
import { HeadgateError, newId } from '../kernel/index.js';
import type { KeyRing } from '../store/index.js';
import { LONGEST_TTL_S } from './duration.js';
import { checkGrantee, type Grantee } from './grantee.js';

/** Issuer and audience of the tokens that are signed with the local key. */
export const LOCAL_ISSUER = 'headgate';
export const LOCAL_AUDIENCE = 'headgate';

export interface TokenRequest extends Grantee {
  readonly ttlSeconds: number;
}

export interface Token {
  /** The JWT. It is shown once and kept nowhere. */
  readonly token: string;
  /** Its `jti`, by which it can be revoked. */
  readonly id: string;
  readonly expiresAt: Date;
}

/**
 * A token signed with the local key (EdDSA), for installations without an identity provider.
 * @throws HeadgateError BAD_USER_INPUT for an empty subject, a role or purpose that is no name, a reserved claim, or a life of less than a second or more than a year.
 */
export async function createToken(keyRing: KeyRing, { ttlSeconds, ...grantee }: TokenRequest): Promise<Token> {
  const { subject, roles, purposes = [], claims = {} } = checkGrantee(grantee);
  if (!(Number.isSafeInteger(ttlSeconds) && ttlSeconds >= 1 && ttlSeconds <= LONGEST_TTL_S)) {
    throw new HeadgateError('BAD_USER_INPUT', `ttl: expected 1 to ${LONGEST_TTL_S} whole seconds, got ${ttlSeconds}.`, { path: 'ttl' });
  }
  const key = keyRing.signingKey('tokens');
  const id = newId();
  const issuedAt = Math.floor(Date.now() / 1000);
  const token = await new SignJWT({ ...claims, roles, purposes })
    .setProtectedHeader({ alg: 'EdDSA', typ: 'JWT', kid: key.keyId })
    .setSubject(subject)
    .setIssuer(LOCAL_ISSUER)
    .setAudience(LOCAL_AUDIENCE)
    .setJti(id)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + ttlSeconds)
    .sign(key.privateKey);
  return { token, id, expiresAt: new Date((issuedAt + ttlSeconds) * 1000) };
}
