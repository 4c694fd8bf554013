import { z } from 'zod';
import { checkRowKeys } from './fields.js';
import { From, messageKeys } from './messages.js';
import type { CollectorPart } from './part.js';

const Key = z.string().min(1).max(500);

const shape = z.strictObject({
  /** The keys of streams: each is a partition. */
  streams: z.array(Key).min(1).max(200),
  /** The field of an entry that holds the message; without it the entry's fields are the row. */
  entryField: z.string().min(1).max(200).optional(),
  /** A consumer group that is told how far the collector is. */
  group: Key.optional(),
  from: From.optional(),
  ...messageKeys('$stream'),
});

/** Streams of a Redis. */
export const redisPart = { shape, kind: 'stream', identity: [], check: (part, facts) => checkRowKeys(part, facts) } as const satisfies CollectorPart<
  typeof shape
>;
