import { z } from 'zod';
import { Name, parseMs, shortTimeUpTo, Text, withoutDefaults } from '../../catalog/index.js';
import { ScheduleShape } from '../../jobs/index.js';
import { LOAD_MODES } from '../outcome.js';
import { COLLECTOR_PARTS, type CollectorPart } from './parts/index.js';

/** The most rows and bytes of one transaction, and how long a row waits for others. */
const Batch = z.strictObject({
  rows: z.int().min(1).max(1_000_000).optional(),
  bytes: z
    .int()
    .min(1_024)
    .max(256 * 1_024 * 1_024)
    .optional(),
  wait: shortTimeUpTo('15m').optional(),
});

type PartName = keyof typeof COLLECTOR_PARTS;
const PART_NAMES = Object.keys(COLLECTOR_PARTS) as PartName[];
const PART_SHAPES = Object.fromEntries(PART_NAMES.map((name) => [name, (COLLECTOR_PARTS[name] as CollectorPart).shape.optional()])) as {
  [Part in PartName]: z.ZodOptional<(typeof COLLECTOR_PARTS)[Part]['shape']>;
};

const Shape = z.strictObject({
  name: Name,
  description: Text.optional(),
  source: Name,
  dataset: Name,
  mode: z.enum(LOAD_MODES).optional(),
  schedule: ScheduleShape.optional(),
  paused: z.boolean().optional(),
  batch: Batch.optional(),
  ...PART_SHAPES,
});

/**
 * A `Collector` document: what brings rows of a source into a dataset. What is asked of the source is in the key that is
 * named as the source's type. Its output is without what is so by default.
 */
export const CollectorShape = Shape.superRefine((collector, issues) => {
  const [, second] = partNames(collector);
  if (second === undefined) return;
  const message = `${partNames(collector).join(' and ')} are of different types of sources; keep the one that ${collector.source} is of`;
  issues.addIssue({ code: 'custom', path: [second], message });
}).transform((spec): CollectorSpec => withoutDefaults(spec, { mode: 'append', paused: false }));
export type CollectorSpec = z.output<typeof Shape>;

/** The keys of the types of sources that a document has. */
export function partNames(collector: object): string[] {
  return PART_NAMES.filter((name) => (collector as Readonly<Record<string, unknown>>)[name] !== undefined);
}

/** What is known of a type of source whose rows can be collected. */
export function partOf(type: string): CollectorPart | undefined {
  return (COLLECTOR_PARTS as Readonly<Record<string, CollectorPart>>)[type];
}

/** What a collector asks of a source of the type; undefined where it says nothing. */
export function askedOf(spec: object, type: string): object | undefined {
  return (spec as Readonly<Record<string, object | undefined>>)[type];
}

/** Whether a collector of a source of the type never ends. */
export function isStream(spec: object, type: string): boolean {
  const kind = partOf(type)?.kind;
  return (typeof kind === 'function' ? kind(askedOf(spec, type) ?? {}) : kind) === 'stream';
}

/** `200ms` or `2s`, in milliseconds. */
export function waitMsOf(text: string): number {
  return parseMs(text) ?? 0;
}
