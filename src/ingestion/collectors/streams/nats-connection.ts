import { JetStreamApiCodes, JetStreamApiError, JetStreamError } from '@nats-io/jetstream';
import {
  connect,
  credsAuthenticator,
  errors,
  nkeyAuthenticator,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
  type Authenticator,
  type NatsConnection,
} from '@nats-io/transport-node';
import { timeoutMsOf, type SourceSpec } from '../../../catalog/index.js';
import { HeadgateError, isHeadgateError } from '../../../kernel/index.js';
import { checkReach, type Reach } from './check-reach.js';
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
  await checkReach(
    reach,
    urls.map((url, i) => [texts[i] ?? '', url] as const),
    USUAL_PORT,
  );
  const tls = tlsOf(source.tls, source.name, secrets) ?? (urls.some(({ protocol }) => protocol === 'tls:') ? {} : undefined);
  const authenticator = authenticatorOf(source, urls, secrets);
  try {
    return await connect({
      servers: urls.map(({ host }) => host),
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
  const detail = error instanceof JetStreamApiError ? ` (JetStream error ${error.code})` : '';
  return new HeadgateError('UNAVAILABLE', `The source ${source} can not be reached, or did not do what it was asked for${detail}.`, { source }, options);
}
