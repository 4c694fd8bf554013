import { HeaderMap, type HTTPGraphQLRequest } from '@apollo/server';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';
import type { RequestContext, View, Views, World } from '../graphql/index.js';
import type { Principal } from '../identity/index.js';
import { ERROR_CODES, sha256, type Log } from '../kernel/index.js';
import { authenticate, type Door } from './authenticate.js';
import { sendGraphiql, wantsGraphiql } from './graphiql.js';
import { presentable } from './problem.js';

/** What one request to the data and control plane is made of. */
export interface Asked {
  readonly principal: Principal;
  readonly world: World;
  readonly view: View;
  /** SHA-256 of the operation's text, hex. */
  readonly operationHash: string;
}

export interface GraphqlRouteOptions extends Door {
  readonly world: () => World;
  readonly views: Views;
  readonly contextOf: (asked: Asked) => RequestContext;
  readonly maxRequestBytes: number;
  readonly log: Log;
}

/** Values of `Accept` that are answered as a request without one. */
const MEANS_JSON: ReadonlySet<string> = new Set(['*/*', 'application/json', 'application/json, */*']);

/** GraphQL over HTTP: whoever asks gets the server of the schema that they may know. */
export function graphqlRoute(app: FastifyInstance, options: GraphqlRouteOptions): void {
  app.register(async (scope) => {
    scope.setErrorHandler(async (thrown, _request, reply) => {
      const { error, status } = presentable(thrown, options.log);
      // Apollo's own words for a request that is no GraphQL request; ours for the rest.
      const code = status === 400 || status === 415 ? 'BAD_USER_INPUT' : error.code;
      const body = { errors: [{ message: error.message, extensions: { ...error.details, code } }] };
      return reply
        .code(status === ERROR_CODES.INTERNAL_SERVER_ERROR ? 500 : status)
        .type('application/json; charset=utf-8')
        .send(JSON.stringify(body));
    });
    scope.route({
      method: ['GET', 'POST'],
      url: '/graphql',
      bodyLimit: options.maxRequestBytes,
      handler: async (request, reply) => (wantsGraphiql(request) ? sendGraphiql(reply) : await answer(options, request, reply)),
    });
  });
}

async function answer(options: GraphqlRouteOptions, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const principal = await authenticate(options, request, reply);
  const { world, view } = await options.views.current(options.world, principal);
  const body = await answerKnown(options, { principal, world, view }, request);
  if (body !== undefined) return reply.header('content-type', 'application/json; charset=utf-8').send(body);
  const httpGraphQLRequest = graphqlRequestOf(request);
  const operationHash = hashOf(request);
  const response = await view.use((server) =>
    server.executeHTTPGraphQLRequest({ httpGraphQLRequest, context: async () => options.contextOf({ principal, world, view, operationHash }) }),
  );
  for (const [name, value] of response.headers) void reply.header(name, value);
  // Whatever Apollo says of caching: an answer is for one principal, at one moment.
  void reply.code(response.status ?? 200).header('cache-control', 'no-store');
  return reply.send(response.body.kind === 'complete' ? response.body.string : Readable.from(response.body.asyncIterator));
}

/**
 * The answer to a plain request for what this view has validated before: most requests are, and the server's own way from
 * a request to its operation takes longer than the read. Undefined for all others.
 */
async function answerKnown(options: GraphqlRouteOptions, asked: Omit<Asked, 'operationHash'>, request: FastifyRequest): Promise<string | undefined> {
  const plain = plainRequest(request);
  const known = plain && asked.view.known.get(plain.query, plain.operationName);
  if (!known) return undefined;
  return await asked.view.answerKnown(known, plain.variables, options.contextOf({ ...asked, operationHash: known.hash }));
}

interface PlainRequest {
  readonly query: string;
  readonly operationName?: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

/** A POST of a JSON object with a query, that takes JSON for an answer and asks for nothing else. */
function plainRequest({ method, headers, body, url }: FastifyRequest): PlainRequest | undefined {
  if (method !== 'POST' || typeof body !== 'object' || body === null || url.includes('?')) return undefined;
  if (headers.accept !== undefined && !MEANS_JSON.has(headers.accept)) return undefined;
  const { query, operationName, variables, extensions } = body as Readonly<Record<string, unknown>>;
  if (typeof query !== 'string' || isGiven(extensions)) return undefined;
  if (isGiven(operationName) && (typeof operationName !== 'string' || operationName === '')) return undefined;
  if (isGiven(variables) && (typeof variables !== 'object' || Array.isArray(variables))) return undefined;
  return { query, variables: (variables ?? {}) as Readonly<Record<string, unknown>>, ...(typeof operationName === 'string' && { operationName }) };
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function graphqlRequestOf(request: FastifyRequest): HTTPGraphQLRequest {
  const headers = new HeaderMap();
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : value);
  }
  // What means JSON anyway need not be negotiated, which takes longer than anything else that is done with headers.
  if (MEANS_JSON.has(headers.get('accept') ?? '')) headers.delete('accept');
  // Apollo refuses a plain GET against forged requests with a browser's cookies. Credentials here are never cookies.
  headers.set('apollo-require-preflight', 'true');
  const query = request.url.indexOf('?');
  return { method: request.method, headers, search: query < 0 ? '' : request.url.slice(query), body: request.body };
}

/** Of the text that came; a persisted query's own hash, which Apollo holds against the text, stands for it. */
function hashOf({ body, query }: FastifyRequest): string {
  const asked = (typeof body === 'object' && body !== null ? body : query) as { query?: unknown; extensions?: unknown };
  if (typeof asked.query === 'string') return sha256(asked.query);
  const persisted = persistedHash(asked.extensions);
  return typeof persisted === 'string' && /^[0-9a-f]{64}$/.test(persisted) ? persisted : sha256('');
}

function persistedHash(extensions: unknown): unknown {
  try {
    const parsed: unknown = typeof extensions === 'string' ? JSON.parse(extensions) : extensions;
    return (parsed as { persistedQuery?: { sha256Hash?: unknown } } | undefined)?.persistedQuery?.sha256Hash;
  } catch {
    return undefined;
  }
}
