import { z } from 'zod';
import { MostPages } from './most-pages.js';
import type { CollectorPart } from './part.js';
import { Pointer } from './pointer.js';
import { Since } from './since.js';
import { checkSince, SINCE_IDENTITY } from './since-check.js';

/** A parameter of the query; with POST a key of the body, or a JSON pointer into it. */
const Parameter = z.string().min(1).max(500);
const Size = z.int().min(1).max(100_000);
const ending = {
  max: MostPages,
  /** Where an answer says whether more pages follow. */
  more: Pointer.optional(),
};
const sized = { sizeParameter: Parameter.optional(), size: Size.optional() };
/** Where an answer says how many rows there are in all. */
const total = { total: Pointer.optional() };

/** How a page leads to the next. */
const Pages = z
  .discriminatedUnion(
    'by',
    [
      z.strictObject({ by: z.literal('page'), parameter: Parameter, first: z.int().min(0).max(1_000_000).optional(), ...sized, ...total, ...ending }),
      z.strictObject({ by: z.literal('offset'), parameter: Parameter, ...sized, ...total, ...ending }),
      z.strictObject({ by: z.literal('cursor'), parameter: Parameter, cursor: Pointer, ...sized, ...ending }),
      z.strictObject({ by: z.literal('link'), ...sized, ...ending }),
      z.strictObject({ by: z.literal('next'), next: Pointer, ...sized, ...ending }),
    ],
    { error: 'expected by: page, offset, cursor, link or next' },
  )
  .refine(({ size, sizeParameter }) => (size === undefined) === (sizeParameter === undefined), {
    error: 'size and sizeParameter say together how many rows a page has; give both or none',
  });

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
  pages: Pages.optional(),
  since: Since.optional(),
  /** From where in a row a field of the contract is; when absent a row is taken as it is. */
  fields: z.record(z.string().min(1).max(100), Pointer).optional(),
  /** Of one page. */
  maxBytes: z
    .int()
    .min(1_024)
    .max(512 * 1_024 * 1_024)
    .optional(),
});
export type HttpPart = z.output<typeof Shape>;

/** What is asked of an API. */
export const httpPart: CollectorPart<typeof Shape> = {
  shape: Shape,
  kind: 'pull',
  identity: ['path', 'query', 'method', 'body', 'items', ...SINCE_IDENTITY, 'fields'],
  check(part, facts) {
    const { body, method, since, fields } = part as HttpPart;
    if (body !== undefined && method !== 'POST') return { path: ['body'], message: 'a body is sent with POST; add method: POST, or leave the body out' };
    const unknown = Object.keys(fields ?? {}).find((name) => !facts.dataset.fields.some((field) => field.name === name));
    if (unknown !== undefined) return { path: ['fields', unknown], message: `${facts.dataset.name} has no field "${unknown}"` };
    return checkSince(since, facts);
  },
};
