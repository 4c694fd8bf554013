import { z } from 'zod';
import { httpPages, Pointer } from '../../../catalog/index.js';
import { checkPages, PAGE_KEYS } from './pages.js';
import type { CollectorPart } from './part.js';
import { sinceBy } from './since.js';
import { sinceIdentity } from './since-check.js';

/** A parameter of the query; with POST a key of the body, or a JSON pointer into it. */
const Parameter = z.string().min(1).max(500);

const Path = z
  .string()
  .max(2_000)
  .regex(/^(\/[^\s?#\\]*)?$/, { error: 'expected a path below the URL of the source, such as /orders; parameters go under query' })
  .refine((path) => !path.split('/').some((segment) => /^(\.|%2e){1,2}$/i.test(segment)), {
    error: 'a path leads below the URL of the source: leave ".." out',
  });

const JsonObject = z.record(z.string().max(500), z.unknown()).transform((body): object => body);

const Shape = z.strictObject({
  path: Path,
  query: z.record(z.string().min(1).max(500), z.union([z.string().max(10_000), z.number(), z.boolean()]).transform(String)).optional(),
  method: z.enum(['GET', 'POST']).optional(),
  /** An object of JSON, sent with POST. */
  body: JsonObject.optional(),
  /** Where the rows are in an answer; by default the whole of it. */
  items: Pointer.optional(),
  pages: httpPages(Parameter).optional(),
  since: sinceBy('parameter', Parameter).optional(),
  ...PAGE_KEYS,
});
export type HttpPart = z.output<typeof Shape>;

/** What is asked of an API. */
export const httpPart: CollectorPart<typeof Shape> = {
  shape: Shape,
  kind: 'pull',
  identity: ['path', 'query', 'method', 'body', 'items', ...sinceIdentity('parameter'), 'fields', 'rest'],
  check(part, facts) {
    const asked = part as HttpPart;
    if (asked.body !== undefined && asked.method !== 'POST')
      return { path: ['body'], message: 'a body is sent with POST; add method: POST, or leave the body out' };
    return checkPages(asked, facts);
  },
};
