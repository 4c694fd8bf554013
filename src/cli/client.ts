import { request as plain, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { request as secure } from 'node:https';
import type { Readable } from 'node:stream';
import { ERROR_CODES, HeadgateError, messageOf, type ErrorCode } from '../kernel/index.js';

export interface Send {
  readonly method?: 'GET' | 'POST';
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Readable;
}

/** What the server's GraphQL errors and problems have in common. */
interface Refusal {
  readonly code?: unknown;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** Talks to one Headgate. Its refusals are thrown as the errors that they are there. */
export class Client {
  readonly url: string;
  readonly #token: string | undefined;

  constructor(url: string, token: string | undefined) {
    this.url = url.replace(/\/+$/, '');
    this.#token = token;
  }

  /** The data of one operation. @throws HeadgateError the first of its errors. */
  async graphql<Data>(query: string, variables: Readonly<Record<string, unknown>> = {}, more: OutgoingHttpHeaders = {}): Promise<Data> {
    const body = JSON.stringify({ query, variables });
    const response = await this.#send('/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json', ...more },
      body,
    });
    const { data, errors } = (await readJson(response, this.url)) as { data?: Data; errors?: { message: string; extensions?: Record<string, unknown> }[] };
    const [error] = errors ?? [];
    if (error) {
      const { code, ...details } = error.extensions ?? {};
      throw asError({ code, message: error.message, details });
    }
    if (data === undefined) throw notOurs(this.url);
    return data;
  }

  async json<Answer>(path: string, send: Send = {}): Promise<Answer> {
    const response = await this.#send(path, send);
    await refuse(response, this.url);
    return (await readJson(response, this.url)) as Answer;
  }

  /** The body as it comes. */
  async stream(path: string, send: Send = {}): Promise<Readable> {
    const response = await this.#send(path, send);
    await refuse(response, this.url);
    return response;
  }

  async #send(path: string, { method = 'GET', headers, body }: Send): Promise<IncomingMessage> {
    const url = new URL(this.url + path);
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const credential = this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` };
    // Without a limit of time: a load answers when it is committed.
    const request = (url.protocol === 'https:' ? secure : plain)(url, { method, headers: { ...credential, ...headers } });
    request.on('response', resolve);
    request.on('error', (cause) =>
      reject(new HeadgateError('UNAVAILABLE', `${this.url} can't be reached: ${messageOf(cause) || 'no connection'}.`, { url: this.url }, { cause })),
    );
    if (body === undefined || typeof body === 'string') request.end(body);
    else {
      body.on('error', (error) => {
        reject(error);
        request.destroy();
      });
      // A refusal may come before all was sent: then the rest is of no use.
      request.on('response', () => body.unpipe(request));
      body.pipe(request);
    }
    return promise;
  }
}

async function refuse(response: IncomingMessage, url: string): Promise<void> {
  if ((response.statusCode ?? 500) < 400) return;
  const body = (await readJson(response, url)) as Record<string, unknown>;
  const { code, detail, type: _type, title: _title, status: _status, ...details } = body;
  throw asError({ code, message: typeof detail === 'string' ? detail : `The server answered ${response.statusCode}.`, details });
}

/** A refusal that came where an answer was due, as the error that it is there. */
export function problemError(body: Readonly<Record<string, unknown>>): HeadgateError {
  const { code, detail, type: _type, title: _title, status: _status, ...details } = body;
  return asError({ code, message: typeof detail === 'string' ? detail : 'The server gave no reason.', details });
}

function asError({ code, message, details }: Refusal): HeadgateError {
  return new HeadgateError(typeof code === 'string' && code in ERROR_CODES ? (code as ErrorCode) : 'INTERNAL_SERVER_ERROR', message, details);
}

async function readJson(response: IncomingMessage, url: string): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    throw notOurs(url);
  }
}

function notOurs(url: string): HeadgateError {
  return new HeadgateError('UNAVAILABLE', `What answers at ${url} is not Headgate. Check --url.`, { url });
}
