import { z } from 'zod';
import { Name } from '../../../catalog/index.js';

/** What is known of a message beside its content. `$position` is its place in the stream, `$time` when the broker took it. */
export const MESSAGE_FACTS = ['$time', '$position', '$subject'] as const;
/** Kafka knows more of a message. */
export const KAFKA_FACTS = [...MESSAGE_FACTS, '$key', '$headers', '$partition', '$offset'] as const;
export type MessageFact = (typeof KAFKA_FACTS)[number];

/** How rows are in a message. */
export const MESSAGES = {
  /** `json`: an object, or an array of them; `ndjson`: an object a line. */
  format: z.enum(['json', 'ndjson']).optional(),
  /** Where the row, or the array of rows, is inside of the message. */
  value: z
    .string()
    .max(500)
    .regex(/^(\/([^~/]|~0|~1)+)+$/, { error: 'expected a JSON pointer to the row inside of the message, such as /payload/after' })
    .optional(),
  /** Fields of the contract that are filled from what is known of the message. */
  fields: z.record(Name, z.enum(MESSAGE_FACTS)).optional(),
} as const;

/** Where a collector begins that has no position yet: at the first message that is there, at the next that comes, or at a time. */
export const From = z.union([z.enum(['first', 'new']), z.iso.datetime({ offset: true, error: 'expected first, new, or a time such as 2026-01-31T00:00:00Z' })]);
