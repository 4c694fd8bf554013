import { createClient, type RedisClientType } from '@redis/client';
import { timeoutMsOf, type SourceSpec } from '../../../catalog/index.js';
import { HeadgateError, isHeadgateError } from '../../../kernel/index.js';
import { checkReach, isOperators, portOf, type Reach } from './check-reach.js';
import { secretOf, tlsOf, urlOf } from './secrets-of.js';

type RedisSource = Extract<SourceSpec, { type: 'redis' }>;

const USUAL_PORT = 6379;

/**
 * A connection that does not mend itself: when it is cut, whoever uses it begins anew from the position.
 * @throws HeadgateError UNAVAILABLE; BAD_USER_INPUT for a host that may not be reached
 */
export async function redisClient(source: RedisSource, secrets: ReadonlyMap<string, string>, reach: Reach): Promise<RedisClientType> {
  const { name, auth } = source;
  const url = urlOf(source.url, name, secrets, ['redis', 'rediss']);
  const tls = tlsOf(source.tls, name, secrets);
  await checkReach(reach, [[source.url, url]], USUAL_PORT);
  // The very address that was checked, whatever the name stands for a moment later.
  const lookup = isOperators(source.url) ? {} : { lookup: reach.lookupFor(portOf(url, USUAL_PORT)) };
  const client = createClient({
    url: url.href,
    ...(auth?.basic?.user !== undefined && { username: auth.basic.user }),
    ...(auth?.basic && { password: secretOf(auth.basic.password, name, secrets) }),
    socket: { connectTimeout: timeoutMsOf(source), reconnectStrategy: false, ...lookup, ...(url.protocol === 'rediss:' && { tls: true, ...tls }) },
    pingInterval: 2_000,
    commandOptions: { timeout: timeoutMsOf(source) },
  }) as RedisClientType;
  // Whoever waits for an answer hears of it.
  client.on('error', () => undefined);
  return client;
}

/** What Redis says, as one of our errors; its own texts may hold addresses and are not told. */
export function redisError(error: unknown, source: string): Error {
  if (isHeadgateError(error)) return error;
  const text = error instanceof Error ? error.message : '';
  const said = /^(WRONGTYPE|NOAUTH|WRONGPASS|NOPERM|LOADING|ERR)\b/.exec(text)?.[1];
  const options = { cause: error };
  if (said === 'WRONGTYPE') return new HeadgateError('BAD_USER_INPUT', `The source ${source}: what is under the key is not a stream.`, { source }, options);
  if (said === 'NOAUTH' || said === 'WRONGPASS' || said === 'NOPERM')
    return new HeadgateError('UNAVAILABLE', `The source ${source} refuses the credentials, or does not permit what is needed (${said}).`, { source }, options);
  return new HeadgateError(
    'UNAVAILABLE',
    `The source ${source} can not be reached, or did not do what it was asked for${said ? ` (${said})` : ''}.`,
    { source },
    options,
  );
}
