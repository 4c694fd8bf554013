import { filesPart } from '../files/files-part.js';
import { EVENTS_PART } from './events.js';
import { graphqlPart } from './graphql.js';
import { httpPart } from './http.js';
import { postgresPart } from './postgres.js';
import type { CollectorPart } from './part.js';

/** What a collector asks of a source, by the source's type; the key of the same name in its document. */
export const COLLECTOR_PARTS = {
  events: EVENTS_PART,
  files: filesPart,
  http: httpPart,
  graphql: graphqlPart,
  postgres: postgresPart,
} as const satisfies Readonly<Record<string, CollectorPart>>;

export type { EventsPart } from './events.js';
export type { CollectorPart } from './part.js';
