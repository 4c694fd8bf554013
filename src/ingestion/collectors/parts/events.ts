import { z } from 'zod';
import { Name } from '../../../catalog/index.js';
import type { CollectorPart } from './part.js';

/** An attribute, or a place in the data as a JSON pointer (RFC 6901). */
const From = z
  .string()
  .max(500)
  .regex(/^(?:\$(?:receivedAt|[a-z0-9]{1,100})|(?:\/(?:[^~/]|~[01])*)*)$/, {
    error: 'expected an attribute such as $id, $time or $type, $receivedAt, or a place in the data as a JSON pointer, such as /order/total',
  });

const Shape = z.strictObject({
  /** The types of events that are taken, with * at the end for all that begin so; all when left out. */
  types: z.array(z.string().min(1).max(1_000)).min(1).max(1_000).optional(),
  /** Where the fields of a row come from; the members of the data when left out. */
  fields: z.record(Name, From).optional(),
  /** The members of the data, too. */
  rest: z.literal(true).optional(),
});

/** What is taken of the events that a source received. */
export const EVENTS_PART = {
  shape: Shape,
  kind: 'stream',
  // Another choice is for what comes from now on: what other collectors have left waiting is not read again for it.
  identity: [],
} as const satisfies CollectorPart<typeof Shape>;

export type EventsPart = z.output<typeof Shape>;
