import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AuditFact } from '../audit/index.js';
import type { Principal } from '../identity/index.js';
import { isHeadgateError } from '../kernel/index.js';
import type { Gate } from './gate.js';

/** The headers of a request that say who asks, and what for. */
export interface Credentials {
  readonly authorization?: string | undefined;
  readonly apiKey?: string | undefined;
  readonly purpose?: string | undefined;
}

export interface Door {
  readonly authenticator: { authenticate(credentials: Credentials): Promise<Principal> };
  readonly audit: { record(fact: AuditFact): Promise<void> };
  readonly gate: Pick<Gate, 'pass' | 'admit' | 'refuseCredential'>;
}

/** Nobody knows who it was: the credential did not prove it. */
const UNKNOWN = { subject: 'unknown', roles: [] } as const;

/**
 * Who asks, counted against the rate limits. A credential that is refused is on the record before the refusal is told;
 * floods of them are there by their number.
 * @throws HeadgateError UNAUTHENTICATED; FORBIDDEN for a purpose that the credential does not have; RATE_LIMITED; UNAVAILABLE.
 */
export async function authenticate(door: Door, request: FastifyRequest, reply: FastifyReply): Promise<Principal> {
  const principal = await identify(door, request, reply);
  await door.gate.admit(principal, addressOf(request));
  return principal;
}

/** Of the socket: what headers say of it is what the client says. */
export function addressOf({ socket }: FastifyRequest): string | undefined {
  return socket.remoteAddress;
}

async function identify(door: Door, request: FastifyRequest, reply: FastifyReply): Promise<Principal> {
  const { headers } = request;
  try {
    return await recordingRefusal(door, addressOf(request), () =>
      door.authenticator.authenticate({
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

/** What `look` makes of a credential; when it is refused, that is on the record before it is told; of a flood, how many there were. */
export async function recordingRefusal<Who>(
  { audit, gate }: Pick<Door, 'audit' | 'gate'>,
  address: string | undefined,
  look: () => Promise<Who>,
): Promise<Who> {
  try {
    return await look();
  } catch (error) {
    if (isHeadgateError(error) && (error.code === 'UNAUTHENTICATED' || error.code === 'FORBIDDEN')) {
      const limited = await gate.refuseCredential(address);
      if (limited) throw limited;
      await audit.record({ actor: UNKNOWN, action: 'login', decision: 'DENIED', details: { code: error.code } });
    }
    throw error;
  }
}

function credential(name: keyof Credentials, value: string | string[] | undefined): Partial<Credentials> {
  if (value === undefined) return {};
  return { [name]: Array.isArray(value) ? value.join(', ') : value };
}
