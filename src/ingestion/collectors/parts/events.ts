import { z } from 'zod';
import { checkRowKeys, rowKeys } from './fields.js';
import type { CollectorPart } from './part.js';

/** Attributes, those of extensions as well, and when the event was received. */
const isFact = (from: string) => /^\$(receivedAt|[a-z0-9]{1,100})$/.test(from);

const Shape = z.strictObject({
  /** The types of events that are taken, with * at the end for all that begin so; all when left out. */
  types: z.array(z.string().min(1).max(1_000)).min(1).max(1_000).optional(),
  ...rowKeys(['$receivedAt', '$id', '$source', '$type', '$subject', '$time', 'another attribute'], isFact),
});

/** What is taken of the events that a source received. */
export const EVENTS_PART = {
  shape: Shape,
  kind: 'stream',
  // Another choice is for what comes from now on: what other collectors have left waiting is not read again for it.
  identity: [],
  check: (part, facts) => checkRowKeys(part, facts),
} as const satisfies CollectorPart<typeof Shape>;

export type EventsPart = z.output<typeof Shape>;
