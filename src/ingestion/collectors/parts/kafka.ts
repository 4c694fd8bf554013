import { z } from 'zod';
import { checkRowKeys } from './fields.js';
import { messageKeys } from './messages.js';
import type { CollectorPart } from './part.js';

/** A name as Kafka takes it. */
const Topic = z.string().regex(/^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/, { error: 'expected a name of letters, digits, dots, _ and -, at most 249' });

const shape = z.strictObject({
  topic: Topic,
  /** The consumer group that is told how far the collector is. */
  group: z.string().min(1).max(255).optional(),
  /** Where a partition begins that has no position yet: at the first message that is there, or at the next that comes. */
  from: z.enum(['first', 'new']).optional(),
  ...messageKeys('$topic', '$partition', '$offset', '$key', '$headers'),
});

/** A topic of Kafka. */
export const kafkaPart = { shape, kind: 'stream', identity: ['topic'], check: (part, facts) => checkRowKeys(part, facts) } as const satisfies CollectorPart<
  typeof shape
>;
