import { resolveSecret } from '../../../catalog/index.js';
import { HeadgateError, messageOf } from '../../../kernel/index.js';

/** The value of what may be a reference to a secret. @throws HeadgateError UNAVAILABLE that names the variable, never its value */
export function secretOf(text: string, source: string, secrets: ReadonlyMap<string, string>): string {
  try {
    return resolveSecret(text, secrets);
  } catch (error) {
    throw new HeadgateError('UNAVAILABLE', `The source ${source}: ${messageOf(error)}`, { source });
  }
}

/** A URL that may be a secret as a whole. @throws HeadgateError UNAVAILABLE that never tells the URL */
export function urlOf(text: string, source: string, secrets: ReadonlyMap<string, string>, schemes: readonly string[]): URL {
  const url = URL.parse(secretOf(text, source, secrets));
  if (url && schemes.includes(url.protocol.slice(0, -1)) && url.hostname !== '') return url;
  const variable = text.startsWith('${') ? `what ${text.slice(2, -1)} holds` : 'its url';
  throw new HeadgateError(
    'UNAVAILABLE',
    `The source ${source}: ${variable} is not a URL that begins with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}.`,
    {
      source,
    },
  );
}

/** Certificates, with the secrets in their places; undefined where none are declared. */
export function tlsOf(
  tls: { readonly ca?: string | undefined; readonly cert?: string | undefined; readonly key?: string | undefined } | undefined,
  source: string,
  secrets: ReadonlyMap<string, string>,
): { ca?: string; cert?: string; key?: string } | undefined {
  if (!tls) return undefined;
  return Object.fromEntries(Object.entries(tls).flatMap(([name, text]) => (text === undefined ? [] : [[name, secretOf(text, source, secrets)]])));
}
