import { HeaderMap, type HTTPGraphQLRequest } from '@apollo/server';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';
import type { DocumentGate, RequestContext, View, Views, World } from '../graphql/index.js';
import type { Principal } from '../identity/index.js';
import { ERROR_CODES, sha256, type Log } from '../kernel/index.js';
import { addressOf, authenticate, type Door } from './authenticate.js';
import { sendGraphiql, wantsGraphiql } from './graphiql.js';
import { presentable, sayWhen } from './problem.js';
import { trusted } from './trusted.js';

/** What one request to the data and control plane is made of. */
export interface Asked {
  readonly principal: Principal;
  readonly world: World;
  readonly view: View;
  /** SHA-256 of the operation's text, hex. */
  readonly operationHash: string;
  /** Of the socket. */
  readonly address?: string | undefined;
}

export interface GraphqlRouteOptions extends Door {
  readonly world: () => World;
  readonly views: Views;
  readonly contextOf: (asked: Asked) => RequestContext;
  readonly maxRequestBytes: number;
  readonly log: Log;
  /** Which documents may be executed; any without it. */
  readonly documents?: DocumentGate | undefined;
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
      sayWhen(reply, error.details['retryAfter']);
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

/** A request as it will be executed. */
interface Incoming {
  /** Of a POST its body, of a GET what is in its URL. */
  readonly parameters: unknown;
  /** What is in the URL, from `?` on. */
  readonly search: string;
}

async function answer(options: GraphqlRouteOptions, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const principal = await authenticate(options, request, reply);
  const address = addressOf(request);
  const incoming = await admitted(options, principal, request);
  const { world, view } = await options.views.current(options.world, principal);
  const body = await answerKnown(options, { principal, world, view, address }, { request, reply, incoming });
  if (body !== undefined) return reply.header('content-type', 'application/json; charset=utf-8').send(body);
  const httpGraphQLRequest = graphqlRequestOf(request, incoming);
  const operationHash = hashOf(incoming.parameters);
  const context = options.contextOf({ principal, world, view, operationHash, address });
  const response = await view.use((server) => server.executeHTTPGraphQLRequest({ httpGraphQLRequest, context: async () => context }));
  sayWhen(reply, context.reads.retryAfter);
  for (const [name, value] of response.headers) void reply.header(name, value);
  // Whatever Apollo says of caching: an answer is for one principal, at one moment.
  void reply.code(response.status ?? 200).header('cache-control', 'no-store');
  return reply.send(response.body.kind === 'complete' ? response.body.string : Readable.from(response.body.asyncIterator));
}

/**
 * The request as it came or, where documents must be trusted, for the document that it names. A refusal is on the record
 * before it is told.
 */
async function admitted({ documents, audit }: GraphqlRouteOptions, principal: Principal, request: FastifyRequest): Promise<Incoming> {
  const start = request.url.indexOf('?');
  const search = start < 0 ? '' : request.url.slice(start);
  const isGet = request.method === 'GET';
  if (!documents) return { parameters: isGet ? request.query : request.body, search };
  const parameters = await trusted(documents, { audit, principal }, isGet ? Object.fromEntries(new URLSearchParams(search)) : request.body);
  // All that a GET has are texts.
  return { parameters, search: isGet ? `?${new URLSearchParams(parameters as Record<string, string>).toString()}` : '' };
}

/**
 * The answer to a plain request for what this view has validated before: most requests are, and the server's own way from
 * a request to its operation takes longer than the read. Undefined for all others.
 */
async function answerKnown(
  options: GraphqlRouteOptions,
  asked: Omit<Asked, 'operationHash'>,
  { request, reply, incoming }: { readonly request: FastifyRequest; readonly reply: FastifyReply; readonly incoming: Incoming },
): Promise<string | undefined> {
  const plain = plainRequest(request, incoming);
  const text = plain && (plain.query ?? asked.view.persisted.textOf(plain.hash));
  const known = text === undefined ? undefined : asked.view.known.get(text, plain?.operationName);
  if (!plain || !known) return undefined;
  const context = options.contextOf({ ...asked, operationHash: known.hash });
  const answer = await asked.view.answerKnown(known, plain.variables, context);
  if (answer !== undefined) sayWhen(reply, context.reads.retryAfter);
  return answer;
}

interface PlainRequest {
  /** Undefined where it is asked for by its hash. */
  readonly query: string | undefined;
  readonly hash: string;
  readonly operationName?: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

/** A POST of a JSON object with a query, or the hash of one, that takes JSON for an answer and asks for nothing else. */
function plainRequest({ method, headers }: FastifyRequest, { parameters, search }: Incoming): PlainRequest | undefined {
  if (method !== 'POST' || typeof parameters !== 'object' || parameters === null || search !== '') return undefined;
  if (headers.accept !== undefined && !MEANS_JSON.has(headers.accept)) return undefined;
  const { query, operationName, variables, extensions } = parameters as Readonly<Record<string, unknown>>;
  const hash = query === undefined ? bareHash(extensions) : '';
  if (hash === undefined || (query !== undefined && (typeof query !== 'string' || isGiven(extensions)))) return undefined;
  if (isGiven(operationName) && (typeof operationName !== 'string' || operationName === '')) return undefined;
  if (isGiven(variables) && (typeof variables !== 'object' || Array.isArray(variables))) return undefined;
  return { query, hash, variables: (variables ?? {}) as Readonly<Record<string, unknown>>, ...(typeof operationName === 'string' && { operationName }) };
}

/** Of extensions that hold the hash of a persisted query and nothing else. */
function bareHash(extensions: unknown): string | undefined {
  if (typeof extensions !== 'object' || extensions === null || Object.keys(extensions).length !== 1) return undefined;
  const { persistedQuery } = extensions as { readonly persistedQuery?: { readonly version?: unknown; readonly sha256Hash?: unknown } | null };
  return persistedQuery?.version === 1 && typeof persistedQuery.sha256Hash === 'string' ? persistedQuery.sha256Hash : undefined;
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function graphqlRequestOf(request: FastifyRequest, { parameters, search }: Incoming): HTTPGraphQLRequest {
  const headers = new HeaderMap();
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : value);
  }
  // What means JSON anyway need not be negotiated, which takes longer than anything else that is done with headers.
  if (MEANS_JSON.has(headers.get('accept') ?? '')) headers.delete('accept');
  // Apollo refuses a plain GET against forged requests with a browser's cookies. Credentials here are never cookies.
  headers.set('apollo-require-preflight', 'true');
  return { method: request.method, headers, search, body: request.method === 'GET' ? request.body : parameters };
}

/** Of the text that came; a persisted query's own hash, which Apollo holds against the text, stands for it. */
function hashOf(parameters: unknown): string {
  const asked = (typeof parameters === 'object' && parameters !== null ? parameters : {}) as { query?: unknown; extensions?: unknown };
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
