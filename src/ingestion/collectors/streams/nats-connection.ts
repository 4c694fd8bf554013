import { isIP, isIPv6 } from 'node:net';
import { JetStreamApiCodes, JetStreamApiError, JetStreamError } from '@nats-io/jetstream';
import {
  connect,
  credsAuthenticator,
  errors,
  nkeyAuthenticator,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
  type Authenticator,
  type ConnectionOptions,
  type NatsConnection,
} from '@nats-io/transport-node';
import { timeoutMsOf, type SourceSpec } from '../../../catalog/index.js';
import { HeadgateError, isHeadgateError } from '../../../kernel/index.js';
import { isOperators, portOf, type Reach } from './check-reach.js';
import { secretOf, tlsOf, urlOf } from './secrets-of.js';

type NatsSource = Extract<SourceSpec, { type: 'nats' }>;

/** A server that does not answer is given up after twice so long. */
const PING_MS = 2_000;
const USUAL_PORT = 4222;

/**
 * A connection that does not mend itself: when it is cut, whoever uses it begins anew from the position.
 * @throws HeadgateError UNAVAILABLE; BAD_USER_INPUT for a host that may not be reached
 */
export async function connectNats(source: NatsSource, secrets: ReadonlyMap<string, string>, reach: Reach): Promise<NatsConnection> {
  const texts = [source.url].flat();
  const urls = texts.map((url) => urlOf(url, source.name, secrets, ['nats', 'tls']));
  const servers = (await Promise.all(urls.map((url, i) => serversOf(texts[i] ?? '', url, reach)))).flat();
  const tls = tlsOf(source.tls, source.name, secrets) ?? (urls.some(({ protocol }) => protocol === 'tls:') ? {} : undefined);
  const authenticator = authenticatorOf(source, urls, secrets);
  try {
    return await connectToOne(servers, {
      name: 'headgate',
      reconnect: false,
      // What a server says of others in its cluster was checked by nobody.
      ignoreClusterUpdates: true,
      timeout: timeoutMsOf(source),
      pingInterval: PING_MS,
      maxPingOut: 2,
      ...(tls && { tls }),
      ...(authenticator && { authenticator }),
    });
  } catch (error) {
    throw natsError(error, source.name);
  }
}

interface Server {
  readonly host: string;
  /** By which its certificate is checked, where `host` is its address. */
  readonly name?: string;
}

/**
 * The addresses of a server that may be reached, so that what is connected to is what was checked, whatever the name stands for a moment
 * later. Of the operator's own URLs the name is good enough.
 */
async function serversOf(text: string, url: URL, reach: Reach): Promise<readonly Server[]> {
  if (isOperators(text)) return [{ host: url.host }];
  const port = portOf(url, USUAL_PORT);
  const name = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const addresses = await reach.checkHost(url.hostname, port);
  return addresses.map((address) => ({ host: `${isIPv6(address) ? `[${address}]` : address}:${port}`, ...(isIP(name) === 0 && { name }) }));
}

/** Any of them, tried one after the other: the client is told one name for the certificates of all that it is given. */
async function connectToOne(servers: readonly Server[], options: ConnectionOptions): Promise<NatsConnection> {
  let last: unknown;
  const from = Math.floor(Math.random() * servers.length);
  for (const server of [...servers.slice(from), ...servers.slice(0, from)]) {
    try {
      return await connectTo(server, options);
    } catch (error) {
      last = error;
    }
  }
  throw last;
}

async function connectTo({ host, name }: Server, options: ConnectionOptions): Promise<NatsConnection> {
  // Handed on to the socket as it is.
  const tls = { ...options.tls, servername: name };
  const asked = { ...options, servers: host };
  if (name === undefined) return connect(asked);
  if (options.tls) return connect({ ...asked, tls });
  // A server may want TLS though nobody has said so. Then its certificate was not looked at by the right name, and nothing was sent.
  return connect(asked).catch((error: unknown) => {
    if (!isOtherName(error)) throw error;
    return connect({ ...asked, tls });
  });
}

function isOtherName(error: unknown): boolean {
  const { code, cause } = (error ?? {}) as { readonly code?: unknown; readonly cause?: unknown };
  return code === 'ERR_TLS_CERT_ALTNAME_INVALID' || (cause !== undefined && cause !== error && isOtherName(cause));
}

function authenticatorOf({ auth, name }: NatsSource, [url]: readonly URL[], secrets: ReadonlyMap<string, string>): Authenticator | undefined {
  const secret = (text: string) => secretOf(text, name, secrets);
  if (auth?.credentials !== undefined) return credsAuthenticator(new TextEncoder().encode(secret(auth.credentials)));
  if (auth?.nkey !== undefined) return nkeyAuthenticator(new TextEncoder().encode(secret(auth.nkey)));
  if (auth?.token !== undefined) return tokenAuthenticator(secret(auth.token));
  if (auth?.basic) return usernamePasswordAuthenticator(auth.basic.user, secret(auth.basic.password));
  if (!url?.username) return undefined;
  const user = decodeURIComponent(url.username);
  return url.password === '' ? tokenAuthenticator(user) : usernamePasswordAuthenticator(user, decodeURIComponent(url.password));
}

/** What NATS says, as one of our errors; its own texts may hold addresses and are not told. */
export function natsError(error: unknown, source: string): Error {
  if (isHeadgateError(error)) return error;
  const options = { cause: error };
  if (error instanceof JetStreamApiError && error.code === Number(JetStreamApiCodes.StreamNotFound))
    return new HeadgateError('NOT_FOUND', `The source ${source} has no such stream.`, { source }, options);
  if (error instanceof errors.AuthorizationError || error instanceof errors.UserAuthenticationExpiredError)
    return new HeadgateError('UNAVAILABLE', `The source ${source} refuses the credentials.`, { source }, options);
  if (error instanceof errors.PermissionViolationError)
    return new HeadgateError('UNAVAILABLE', `The source ${source} does not permit what is needed to read the stream.`, { source }, options);
  if (error instanceof JetStreamError && error.name === 'JetStreamNotEnabled')
    return new HeadgateError('UNAVAILABLE', `The source ${source} has no JetStream.`, { source }, options);
  if (error instanceof errors.InvalidArgumentError && error.message.startsWith("'filter_subjects' requires server"))
    return new HeadgateError(
      'UNAVAILABLE',
      `The source ${source} is an older NATS than 2.10, which can't tell several subjects apart. Name one, or none.`,
      { source },
      options,
    );
  const detail = error instanceof JetStreamApiError ? ` (JetStream error ${error.code})` : '';
  return new HeadgateError('UNAVAILABLE', `The source ${source} can not be reached, or did not do what it was asked for${detail}.`, { source }, options);
}
