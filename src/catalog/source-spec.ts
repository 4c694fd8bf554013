import { z } from 'zod';
import { durationText, parseDuration } from './duration.js';
import { Name, Text } from './field-spec.js';
import type { LiveSource } from './model.js';

const DEFAULT_TIMEOUT = '5s';
/** A request waits for it: longer than this nobody does. */
const LONGEST_TIMEOUT_S = 300;
const DEFAULT_POOL = 5;

/** Types that the language of manifests has, and this version not yet. */
const LATER_TYPES = ['http', 'graphql', 'nats', 'kafka', 'redis', 'events', 'files'];

const Timeout = z.string().refine((text) => (parseDuration(text) ?? Infinity) <= LONGEST_TIMEOUT_S, {
  error: `expected a duration such as 2s or 30s, at most ${durationText(LONGEST_TIMEOUT_S)}`,
});

const SourceShape = z.strictObject({
  name: Name,
  type: z.literal('postgres', {
    error: ({ input }) =>
      typeof input === 'string' && LATER_TYPES.includes(input)
        ? `sources of type ${input} are not supported by this version; postgres is`
        : 'expected postgres',
  }),
  description: Text.optional(),
  url: z.string().regex(/^\$\{HEADGATE_SECRET_[A-Z0-9_]+\}$/, {
    error:
      'expected a reference to a secret of the server, such as ${HEADGATE_SECRET_CRM_URL}, and nothing beside it: a URL holds a password, which has no place in a manifest',
  }),
  timeout: Timeout.optional(),
  pool: z.int().min(1).max(100).optional(),
});

/** Without what is so by default. */
export const SourceSpec = SourceShape.transform(({ timeout, pool, ...rest }) => {
  const wait = timeout === undefined ? undefined : durationText(parseDuration(timeout) ?? 0);
  return { ...rest, ...(wait !== undefined && wait !== DEFAULT_TIMEOUT && { timeout: wait }), ...(pool !== undefined && pool !== DEFAULT_POOL && { pool }) };
});
export type SourceSpec = z.output<typeof SourceSpec>;

/** With what is so by default. */
export function toSource({ name, type, description, url, timeout = DEFAULT_TIMEOUT, pool = DEFAULT_POOL }: SourceSpec): LiveSource {
  return { name, type, ...(description !== undefined && { description }), url, timeoutMs: (parseDuration(timeout) ?? 0) * 1_000, poolSize: pool };
}
