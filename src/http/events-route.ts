import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Actor } from '../audit/index.js';
import type { EventsSourceSpec } from '../catalog/index.js';
import type { Limits } from '../config/index.js';
import { mayIngest, type World } from '../graphql/index.js';
import type { EventReceiver, Headers, Receipt } from '../ingestion/index.js';
import { HeadgateError, isHeadgateError } from '../kernel/index.js';
import { addressOf, type Door } from './authenticate.js';
import type { Gate } from './gate.js';

export interface EventsRouteOptions extends Pick<Door, 'authenticator'> {
  readonly gate: Pick<Gate, 'admit' | 'admitEvents' | 'refuseEvents'>;
  readonly world: () => World;
  readonly events: {
    readonly receiver: Pick<EventReceiver, 'verify' | 'receive'>;
    /** The datasets that collectors fill from each source, by its name. */
    readonly fills: () => ReadonlyMap<string, readonly string[]>;
  };
  readonly limits: Pick<Limits, 'maxRequestBytes'>;
}

/** Seconds: somebody has to apply a collector first. */
const NO_COLLECTOR_RETRY = 60;
const LONGEST_ORIGIN = 300;
const EVENT_TYPES = ['application/cloudevents+json', 'application/cloudevents-batch+json', 'application/json'];

/** Who may send: the signature, or the token, said so. */
interface Sender {
  readonly source: EventsSourceSpec;
  readonly actor: Actor;
  readonly signed?: Parameters<EventReceiver['receive']>[1]['signed'];
}

/** `POST /events/{source}`: CloudEvents and webhooks. It is answered with 202 when they are durable, and not before. */
export function eventsRoute(app: FastifyInstance, options: EventsRouteOptions): void {
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    // What was signed are bytes: nothing is read out of them before the signature is.
    // Those that come all the time are found by their names; '*' is looked for anew with each request.
    scope.addContentTypeParser([...EVENT_TYPES, '*'], { parseAs: 'buffer', bodyLimit: options.limits.maxRequestBytes }, (_request, body, done) =>
      done(null, body),
    );
    scope.options<{ Params: { source: string } }>('/events/:source', async (request, reply) => handshake(options, request, reply));
    scope.post<{ Params: { source: string } }>('/events/:source', async (request, reply) => {
      const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
      // As they came: Node joins most that are there twice, and takes the first of others.
      const headers: Headers = request.raw.headersDistinct;
      const { source, actor, signed } = await senderOf(options, request, headers, body);
      await options.gate.admitEvents(actor, source.name);
      if (!options.events.fills().has(source.name)) {
        throw new HeadgateError(
          'UNAVAILABLE',
          'Nothing collects the events of this source yet, so they are not taken. Apply a document of kind Collector that names it.',
          {
            reason: 'collector',
            retryAfter: NO_COLLECTOR_RETRY,
          },
        );
      }
      const { receipts, isMany } = await options.events.receiver.receive(source, { headers, body, signed, actor });
      return reply.code(202).type('application/json; charset=utf-8').send(answerOf(receipts, isMany));
    });
  });
}

function answerOf(receipts: readonly Receipt[], isMany: boolean): string {
  const told = receipts.map(({ id, duplicate }) => ({ id, duplicate }));
  return JSON.stringify(isMany ? { events: told } : told[0]);
}

/** The same for a source that is not there, a signature that is not right and a token that may not: nobody learns which names there are. */
async function senderOf(options: EventsRouteOptions, request: FastifyRequest<{ Params: { source: string } }>, headers: Headers, body: Buffer): Promise<Sender> {
  const name = request.params.source;
  const source = eventsSource(options.world(), name);
  const actor = source && signerOf(source);
  const verdict = options.events.receiver.verify(source, headers, body);
  if (source?.signature && actor && 'signed' in verdict) return { source, actor, signed: verdict.signed };
  if (!source?.signature) {
    const sender = await tokenSender(options, request, source);
    if (sender) return sender;
  }
  const isReplay = 'refused' in verdict && verdict.refused === 'replay';
  const limited = await options.gate.refuseEvents(actor, isReplay ? 'replay' : 'signature', addressOf(request));
  if (limited) throw limited;
  if (isReplay) {
    throw new HeadgateError(
      'UNAUTHENTICATED',
      'The time stamp that was signed is outside of what this source allows: it is too old, or the clocks differ. Sign it anew.',
      {
        reason: 'replay',
      },
    );
  }
  throw new HeadgateError(
    'UNAUTHENTICATED',
    'There is no such source of events, or what came is not signed as it should be, or the token may not load all that the source fills.',
  );
}

async function tokenSender(options: EventsRouteOptions, request: FastifyRequest, source: EventsSourceSpec | undefined): Promise<Sender | undefined> {
  const { authorization, 'x-api-key': apiKey } = request.headers;
  if (authorization === undefined && apiKey === undefined) return undefined;
  const credentials = { ...(authorization !== undefined && { authorization }), ...(typeof apiKey === 'string' && { apiKey }) };
  const principal = await options.authenticator.authenticate(credentials).catch((error: unknown) => {
    if (isHeadgateError(error) && (error.code === 'UNAUTHENTICATED' || error.code === 'FORBIDDEN')) return undefined;
    throw error;
  });
  if (!principal || principal.anonymous || !source) return undefined;
  const world = options.world();
  const filled = options.events.fills().get(source.name) ?? [];
  const mayAll = filled.every((name) => {
    const dataset = world.catalog.datasets.get(name);
    return dataset !== undefined && mayIngest({ principal, world }, dataset);
  });
  if (filled.length === 0 || !mayAll) return undefined;
  await options.gate.admit(principal, addressOf(request));
  return { source, actor: principal };
}

/** https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/http-webhook.md#4-abuse-protection: without the header a sender does not send. */
function handshake({ world }: EventsRouteOptions, request: FastifyRequest<{ Params: { source: string } }>, reply: FastifyReply): FastifyReply {
  const origin = request.headers['webhook-request-origin'];
  const source = eventsSource(world(), request.params.source);
  void reply.header('allow', 'POST');
  if (typeof origin === 'string' && origin.length <= LONGEST_ORIGIN && source?.origins?.includes(origin)) {
    void reply.header('webhook-allowed-origin', origin).header('webhook-allowed-rate', '*');
  }
  return reply.code(200).send();
}

function eventsSource({ catalog }: World, name: string): EventsSourceSpec | undefined {
  const source = catalog.sources.get(name);
  return source?.type === 'events' ? source : undefined;
}

function signerOf({ name }: EventsSourceSpec): Actor {
  return { subject: `events/${name}`, roles: [] };
}
