import { z } from 'zod';
import { Name } from '../field-spec.js';
import { httpPages, Pointer } from '../pages.js';
import { filtersOf, Limits } from './parts.js';

const Parameter = z.string().regex(/^[A-Za-z0-9_.[\]$:@-]{1,100}$/, 'expected the name of a query parameter');
const Constant = z.union([z.string().max(1_000), z.number(), z.boolean()]).transform(String);

const PLACE = /\{([^{}]*)\}/g;

/** Below the source's URL. Braces are where a field's value comes in, as one segment and never as more. */
const Path = z.string().refine((text) => isPath(text.replaceAll(PLACE, 'x')), {
  error: 'expected a path below the URL of the source, such as /customers: without a query, and without . or .. as a segment',
});

function isPath(text: string): boolean {
  return /^\/[A-Za-z0-9._~!$&'()*+,;=:@%/-]{0,500}$/.test(text) && !text.split('/').some((segment) => /^(\.|%2e){1,2}$/i.test(segment)) && !text.includes('//');
}

/** The fields whose values are in a path. */
export function placesIn(path: string): readonly string[] {
  return [...path.matchAll(PLACE)].map(([, name = '']) => name);
}

/** How several values are written: `id=1&id=2`, or `id=1,2`. */
const Lists = z.enum(['repeated', 'comma']).optional();

const List = z.strictObject({
  path: Path.refine((text) => placesIn(text).length === 0, { error: 'a list has no place for a value in its path; that is what filters are for' }),
  items: Pointer.optional(),
  count: Pointer.optional(),
  query: z.record(Parameter, Constant).optional(),
  filters: filtersOf(Parameter).optional(),
  lists: Lists,
  pages: httpPages(Parameter).optional(),
  order: z.strictObject({ parameter: Parameter, by: z.record(Name, z.strictObject({ asc: Constant.optional(), desc: Constant.optional() })) }).optional(),
});

/** How the rows of a dataset are had from an API that answers with JSON. */
export const HttpRowsShape = z.strictObject({
  list: List.optional(),
  get: z.strictObject({ path: Path, item: Pointer.optional(), query: z.record(Parameter, Constant).optional() }).optional(),
  batch: z
    .strictObject({
      path: Path.refine((text) => placesIn(text).length === 0, { error: 'the values of a batch are in its parameter, and not in its path' }),
      parameter: Parameter,
      items: Pointer.optional(),
      query: z.record(Parameter, Constant).optional(),
      lists: Lists,
      max: z.int().min(1).max(1_000).optional(),
    })
    .optional(),
  limits: Limits.optional(),
});
