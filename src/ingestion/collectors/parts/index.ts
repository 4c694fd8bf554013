import { filesPart } from '../files/files-part.js';
import { EVENTS_PART } from './events.js';
import { graphqlPart } from './graphql.js';
import { httpPart } from './http.js';
import { kafkaPart } from './kafka.js';
import { natsPart } from './nats.js';
import { postgresPart } from './postgres.js';
import type { CollectorPart } from './part.js';
import { redisPart } from './redis.js';

/** What a collector asks of a source, by the source's type; the key of the same name in its document. */
export const COLLECTOR_PARTS = {
  events: EVENTS_PART,
  files: filesPart,
  graphql: graphqlPart,
  http: httpPart,
  kafka: kafkaPart,
  nats: natsPart,
  postgres: postgresPart,
  redis: redisPart,
} as const satisfies Readonly<Record<string, CollectorPart>>;

export type { EventsPart } from './events.js';
export type { MessageFact } from './messages.js';
export type { CollectorPart } from './part.js';
