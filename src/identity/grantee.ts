import { HeadgateError } from '../kernel/index.js';
import { ANONYMOUS } from './principal.js';

/** For whom a credential is made, and what it says of them. */
export interface Grantee {
  readonly subject: string;
  readonly roles: readonly string[];
  readonly purposes?: readonly string[];
  /** Further claims; row filters read them as claim('name'). */
  readonly claims?: Readonly<Record<string, unknown>>;
}

/** Claims with a meaning of their own (RFC 7519, and ours): given as free claims, they would say two things at once. */
const RESERVED = new Set(['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti', 'roles', 'purposes']);

const CONTROL = /\p{Cc}/u;

/** @throws HeadgateError BAD_USER_INPUT that names the part that can't be. */
export function checkGrantee<G extends Grantee>(grantee: G): G {
  const { subject, roles, purposes = [], claims = {} } = grantee;
  if (!isSubject(subject)) {
    throw new HeadgateError('BAD_USER_INPUT', `subject: expected 1 to 255 characters, without control characters, other than "${ANONYMOUS.subject}".`, {
      path: 'subject',
    });
  }
  for (const [path, names] of Object.entries({ roles, purposes })) {
    const wrong = names.find((name) => !/^[^\s\p{Cc}]{1,100}$/u.test(name));
    if (wrong !== undefined)
      throw new HeadgateError('BAD_USER_INPUT', `${path}: expected names of 1 to 100 characters without spaces, got "${wrong.slice(0, 100)}".`, { path });
  }
  const reserved = Object.keys(claims).find((name) => RESERVED.has(name));
  if (reserved !== undefined) {
    throw new HeadgateError('BAD_USER_INPUT', `claims: "${reserved}" is reserved; subject, roles, purposes and ttl have options of their own.`, {
      path: `claims.${reserved}`,
    });
  }
  return grantee;
}

/** No credential may pass for a request without one. */
export function isSubject(subject: unknown): subject is string {
  return isPlain(subject) && subject !== ANONYMOUS.subject;
}

/** A text that can be stored, shown and logged as it is. */
export function isPlain(text: unknown): text is string {
  return typeof text === 'string' && text !== '' && text.length <= 255 && text.isWellFormed() && !CONTROL.test(text);
}
