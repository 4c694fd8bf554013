import { HeadgateError } from '../kernel/index.js';
import { httpUrl, withoutUser, type Hop } from './outbound-request.js';
import { bare } from './reach.js';

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** What can be no credential, and goes along to another origin. All else was meant for the one it was given for. */
const HARMLESS = new Set(['accept', 'accept-encoding', 'accept-language', 'content-type', 'user-agent']);

/**
 * The request that a redirect asks for; nothing when the answer is none. Another origin gets no credential.
 * @throws HeadgateError BAD_USER_INPUT when it leads away from https or http, from https to http, or would hand a body on to another origin.
 */
export function redirected(hop: Hop, status: number, location: string | undefined): Hop | undefined {
  if (!REDIRECTS.has(status) || location === undefined) return undefined;
  const host = bare(hop.url.hostname);
  const target = httpUrl(location, hop.url);
  if (!target) throw new HeadgateError('BAD_USER_INPUT', `${host} redirects to what is no http:// or https:// URL. Use the final URL.`, { host });
  const url = withoutUser(target);
  if (hop.url.protocol === 'https:' && url.protocol === 'http:') {
    throw new HeadgateError('BAD_USER_INPUT', `${host} redirects from https to http, which is not followed. Use the final URL.`, { host });
  }
  const isOther = url.origin !== hop.url.origin;
  const becomesGet = (status === 303 && hop.method !== 'HEAD') || ((status === 301 || status === 302) && hop.method === 'POST');
  const body = becomesGet ? undefined : hop.body;
  if (isOther && body !== undefined) {
    throw new HeadgateError('BAD_USER_INPUT', `${host} redirects to another origin, which the body is not sent to. Use the final URL.`, { host });
  }
  const kept = Object.entries(hop.headers).filter(([name]) => (!isOther || HARMLESS.has(name)) && !(body === undefined && name === 'content-type'));
  return { url, method: becomesGet ? 'GET' : hop.method, headers: Object.fromEntries(kept), body };
}
