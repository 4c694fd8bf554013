import { z } from 'zod';
import { Pointer } from '../../../catalog/index.js';
import { rowKeys } from './fields.js';

/** What is known of each message beside its content: when the broker took it, and its place in the stream. */
const FACTS = ['$receivedAt', '$position'] as const;
/** What one broker alone knows: the subject of NATS, the stream of Redis, and of Kafka where a message is and what came with it. */
type OwnFact = '$subject' | '$stream' | '$topic' | '$partition' | '$offset' | '$key' | '$headers';
export type MessageFact = (typeof FACTS)[number] | OwnFact;

/** How rows are in a message. @param own the facts that this broker knows beside those of all */
export function messageKeys(...own: readonly OwnFact[]) {
  return {
    /** `json`: an object, or an array of them; `ndjson`: an object a line. */
    format: z.enum(['json', 'ndjson']).optional(),
    /** Where the row, or the array of rows, is inside of the message; by default the whole of it. */
    items: Pointer.transform((pointer) => pointer || undefined).optional(),
    ...rowKeys([...FACTS, ...own]),
  } as const;
}

/** Where a collector begins that has no position yet: at the first message that is there, at the next that comes, or at a time. */
export const From = z.union([z.enum(['first', 'new']), z.iso.datetime({ offset: true, error: 'expected first, new, or a time such as 2026-01-31T00:00:00Z' })]);
