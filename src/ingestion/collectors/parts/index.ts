import { filesPart } from '../files/files-part.js';
import { natsPart } from './nats.js';
import type { CollectorPart } from './part.js';
import { redisPart } from './redis.js';

/** What a collector asks of a source, by the source's type; the key of the same name in its document. */
export const COLLECTOR_PARTS = { files: filesPart, nats: natsPart, redis: redisPart } as const satisfies Readonly<Record<string, CollectorPart>>;

export type { MessageFact } from './messages.js';
export type { CollectorPart } from './part.js';
