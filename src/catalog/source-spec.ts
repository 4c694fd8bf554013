import { z } from 'zod';
import { parseDuration } from './duration.js';
import { KafkaSource, NatsSource, RedisSource } from './sources/brokers.js';
import { DEFAULT_MAX_WAITING, DEFAULT_REMEMBER, EventsSource } from './sources/events.js';
import { FilesSource } from './sources/files.js';
import { GraphqlSource, HttpSource } from './sources/http.js';
import { withoutDefaults } from './sources/parts.js';
import { DEFAULT_POOL, PostgresSource } from './sources/postgres.js';

const DEFAULT_TIMEOUT = '5s';

/** The types there are, in the order in which they are told. */
const SOURCE_SHAPES = [PostgresSource, HttpSource, GraphqlSource, EventsSource, NatsSource, RedisSource, KafkaSource, FilesSource] as const;

const SourceShape = z.discriminatedUnion('type', SOURCE_SHAPES, {
  error: () => `expected one of ${SOURCE_SHAPES.map(({ shape }) => shape.type.value).join(', ')}`,
});

/** A `Source` document, without what is so by default. */
export const SourceSpec = SourceShape.transform((spec): SourceSpec =>
  withoutDefaults(spec, {
    timeout: DEFAULT_TIMEOUT,
    pool: DEFAULT_POOL,
    concurrency: undefined,
    remember: DEFAULT_REMEMBER,
    maxWaiting: DEFAULT_MAX_WAITING,
  } as object),
);
export type SourceSpec = z.output<typeof SourceShape>;
export type SourceType = SourceSpec['type'];
export const SOURCE_TYPES: readonly SourceType[] = SOURCE_SHAPES.map(({ shape }) => shape.type.value);

/** Another PostgreSQL, whose rows can stay there. */
export interface LiveSource {
  readonly name: string;
  readonly type: 'postgres';
  readonly description?: string;
  /** `${HEADGATE_SECRET_...}`: a reference, resolved when it is used and kept nowhere. */
  readonly url: string;
  /** No part of an answer waits longer for it. */
  readonly timeoutMs: number;
  /** Sessions at the most. */
  readonly poolSize: number;
}

/** How long a part of an answer or a request waits for the source, in milliseconds. */
export function timeoutMsOf({ timeout = DEFAULT_TIMEOUT }: Pick<SourceSpec, 'timeout'>): number {
  return (parseDuration(timeout) ?? 0) * 1_000;
}

/** A source whose rows can stay where they are, with what is so by default; undefined for one that can't. */
export function toLiveSource(spec: SourceSpec): LiveSource | undefined {
  if (spec.type !== 'postgres') return undefined;
  const { name, type, description, url, pool = DEFAULT_POOL } = spec;
  return { name, type, ...(description !== undefined && { description }), url, timeoutMs: timeoutMsOf(spec), poolSize: pool };
}
