import { HeadgateError, isHeadgateError } from '../../../kernel/index.js';

/** What the client says of an error of the protocol, alone or among others. */
interface ProtocolError {
  readonly apiId?: unknown;
  readonly code?: unknown;
  readonly errors?: readonly unknown[];
  readonly cause?: unknown;
}

/** The protocol's name of what went wrong, such as `TOPIC_AUTHORIZATION_FAILED`; undefined for what is none of its errors. */
export function protocolErrorOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { apiId, errors = [], cause } = error as ProtocolError;
  if (typeof apiId === 'string') return apiId;
  for (const inner of [...errors, cause]) {
    const found = protocolErrorOf(inner);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** What Kafka says, as one of our errors; its own texts may hold addresses and are not told. */
export function kafkaError(error: unknown, source: string): Error {
  if (isHeadgateError(error)) return error;
  const options = { cause: error };
  const said = protocolErrorOf(error);
  if (said === 'UNKNOWN_TOPIC_OR_PARTITION' || said === 'INVALID_TOPIC_EXCEPTION')
    return new HeadgateError('NOT_FOUND', `The source ${source} has no such topic.`, { source }, options);
  if (isRefusedCredential(error) || said === 'UNSUPPORTED_SASL_MECHANISM')
    return new HeadgateError('UNAVAILABLE', `The source ${source} refuses the credentials, or the mechanism by which they are given.`, { source }, options);
  if (said?.endsWith('_AUTHORIZATION_FAILED'))
    return new HeadgateError('UNAVAILABLE', `The source ${source} does not permit what is needed to read the topic (${said}).`, { source }, options);
  return new HeadgateError(
    'UNAVAILABLE',
    `The source ${source} can not be reached, or did not do what it was asked for${said === undefined ? '' : ` (${said})`}.`,
    { source },
    options,
  );
}

function isRefusedCredential(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  const { code, cause } = error as ProtocolError;
  return code === 'PLT_KFK_AUTHENTICATION' || isRefusedCredential(cause);
}
