import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AuditFact } from '../audit/index.js';
import type { Principal } from '../identity/index.js';
import { isHeadgateError } from '../kernel/index.js';

/** The headers of a request that say who asks, and what for. */
export interface Credentials {
  readonly authorization?: string | undefined;
  readonly apiKey?: string | undefined;
  readonly purpose?: string | undefined;
}

export interface Door {
  readonly authenticator: { authenticate(credentials: Credentials): Promise<Principal> };
  readonly audit: { record(fact: AuditFact): Promise<void> };
}

/** Nobody knows who it was: the credential did not prove it. */
const UNKNOWN = { subject: 'unknown', roles: [] } as const;

/**
 * Who asks. A credential that is refused is on the record before the refusal is told.
 * @throws HeadgateError UNAUTHENTICATED; FORBIDDEN for a purpose that the credential does not have; UNAVAILABLE.
 */
export async function authenticate({ authenticator, audit }: Door, request: FastifyRequest, reply: FastifyReply): Promise<Principal> {
  const { headers } = request;
  try {
    return await recordingRefusal(audit, () =>
      authenticator.authenticate({
        ...(headers.authorization !== undefined && { authorization: headers.authorization }),
        ...credential('apiKey', headers['x-api-key']),
        ...credential('purpose', headers['x-purpose']),
      }),
    );
  } catch (error) {
    if (isHeadgateError(error) && error.code === 'UNAUTHENTICATED') void reply.header('www-authenticate', 'Bearer error="invalid_token"');
    throw error;
  }
}

/** What `look` makes of a credential; when it is refused, that is on the record before it is told. */
export async function recordingRefusal<Who>(audit: Door['audit'], look: () => Promise<Who>): Promise<Who> {
  try {
    return await look();
  } catch (error) {
    if (isHeadgateError(error) && (error.code === 'UNAUTHENTICATED' || error.code === 'FORBIDDEN'))
      await audit.record({ actor: UNKNOWN, action: 'login', decision: 'DENIED', details: { code: error.code } });
    throw error;
  }
}

function credential(name: keyof Credentials, value: string | string[] | undefined): Partial<Credentials> {
  if (value === undefined) return {};
  return { [name]: Array.isArray(value) ? value.join(', ') : value };
}
