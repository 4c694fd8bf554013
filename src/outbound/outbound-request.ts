import { HeadgateError } from '../kernel/index.js';

export interface OutboundRequest {
  /** http or https. A user and a password in it are sent as Basic authorization. */
  readonly url: string;
  /** GET when absent. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Bytes of the answer's body, unpacked. */
  readonly maxBytes: number;
  /** For all of it: names looked up, redirects followed, the body read. */
  readonly timeoutMs: number;
  /** How long nothing may come; half a minute when absent. */
  readonly idleTimeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** The whole URL is from the operator's own environment: its host and port may be reached, wherever they are. */
  readonly trusted?: boolean;
  /** `return`: a redirect is an answer like any other. Followed when absent. */
  readonly redirects?: 'follow' | 'return';
}

/** One of the requests that a fetch is: the first, or one that a redirect asked for. */
export interface Hop {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer | undefined;
}

/** What says how the message is framed, or who is meant by it: that is the client's own. */
const OURS = new Set(['host', 'connection', 'content-length', 'transfer-encoding', 'upgrade', 'te', 'trailer', 'expect', 'keep-alive', 'proxy-connection']);

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** @throws HeadgateError BAD_USER_INPUT for a URL, method or header that can't be sent; without the values. */
export function firstHop({ url: text, method = 'GET', headers = {}, body }: OutboundRequest): Hop {
  const url = httpUrl(text);
  // Without the text, which may hold a secret.
  if (!url) throw unusable('expected a URL that begins with http:// or https://');
  if (!METHODS.has(method)) throw unusable(`expected one of the methods ${[...METHODS].join(', ')}`);
  const named: Record<string, string> = { 'user-agent': 'headgate', accept: '*/*', 'accept-encoding': 'gzip, deflate, br, zstd' };
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.toLowerCase();
    if (!/^[!#$%&'*+.^_`|~\w-]+$/.test(name) || OURS.has(lower)) throw unusable(`the header ${JSON.stringify(name)} can't be set`);
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) throw unusable(`the value of the header ${name} has characters that no header can have`);
    named[lower] = value;
  }
  const basic = userAndPassword(url);
  if (basic !== undefined) named['authorization'] ??= basic;
  return { url: withoutUser(url), method, headers: named, body };
}

/** Nothing when it is no http(s) URL. */
export function httpUrl(text: string, base?: URL): URL | undefined {
  const url = URL.canParse(text, base?.href) ? new URL(text, base) : undefined;
  return url?.protocol === 'http:' || url?.protocol === 'https:' ? url : undefined;
}

export function withoutUser(url: URL): URL {
  const bare = new URL(url);
  bare.username = '';
  bare.password = '';
  bare.hash = '';
  return bare;
}

function userAndPassword({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined;
  return `Basic ${Buffer.from(`${unescaped(username)}:${unescaped(password)}`).toString('base64')}`;
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function unusable(why: string): HeadgateError {
  return new HeadgateError('BAD_USER_INPUT', `The request can't be sent: ${why}.`);
}
