import { z } from 'zod';
import { checkRowKeys } from './fields.js';
import { From, messageKeys } from './messages.js';
import type { CollectorPart } from './part.js';

const Subject = z.string().regex(/^[^\s\p{Cc}]{1,250}$/u, { error: 'expected a subject of NATS, such as orders.> or orders.*.paid' });
/** A name as JetStream takes it. */
const StreamName = z.string().regex(/^[^\s.*>/\\\p{Cc}]{1,200}$/u, { error: 'expected a name without spaces, dots, *, > and slashes' });

const shape = z.strictObject({
  stream: StreamName,
  /** Only messages of these. */
  subjects: z.array(Subject).min(1).max(50).optional(),
  /** The durable consumer of a stream whose messages go when they are acknowledged. */
  consumer: StreamName.optional(),
  from: From.optional(),
  ...messageKeys('$subject'),
});

/** A stream of NATS JetStream. */
export const natsPart = { shape, kind: 'stream', identity: ['stream'], check: (part, facts) => checkRowKeys(part, facts) } as const satisfies CollectorPart<
  typeof shape
>;
