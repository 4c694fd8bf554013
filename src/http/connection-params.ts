import { HeadgateError } from '../kernel/index.js';
import type { Credentials } from './authenticate.js';

/** What a connection may say of itself, in lower case: the names that the manual has, and those of the headers that say the same. */
const NAMES: Readonly<Record<string, keyof Credentials>> = {
  authorization: 'authorization',
  apikey: 'apiKey',
  'x-api-key': 'apiKey',
  purpose: 'purpose',
  'x-purpose': 'purpose',
};

/** The names of headers that hold credentials. */
export const CREDENTIAL_HEADERS = ['authorization', 'x-api-key', 'x-purpose'] as const;

/**
 * The credentials of a `connection_init`. What is not known is refused: a credential in a place where nobody looks for it would
 * make its owner anonymous without a word.
 * @throws HeadgateError BAD_USER_INPUT
 */
export function connectionCredentials(params: Readonly<Record<string, unknown>> | undefined, headers: Readonly<Record<string, string>>): Credentials {
  const given = Object.entries(params ?? {}).filter(([, value]) => value !== undefined && value !== null);
  const credentials: Partial<Record<keyof Credentials, string>> = {};
  for (const [name, value] of given.length > 0 ? given : Object.entries(headers)) {
    const known = NAMES[name.toLowerCase()];
    if (known === undefined) throw new HeadgateError('BAD_USER_INPUT', 'connectionParams: expected authorization, apiKey and purpose, and nothing else.');
    if (typeof value !== 'string' || credentials[known] !== undefined)
      throw new HeadgateError('BAD_USER_INPUT', `connectionParams.${known}: expected one text.`);
    credentials[known] = value;
  }
  return credentials;
}
