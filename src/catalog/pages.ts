import { z } from 'zod';
import { isPointer } from '../kernel/index.js';

/** Where something is in what an API answers, as in RFC 6901; empty for all of it. */
export const Pointer = z.string().refine((text) => isPlace(text), {
  error: 'expected a JSON pointer, such as /data or /meta/next: a slash before each member; an empty one is the whole answer',
});

export function isPlace(text: string): boolean {
  return text.length <= 1_000 && isPointer(text) && !/\p{Cc}/u.test(text);
}

/** Rows that one request asks for. */
const Rows = z.int().min(1).max(100_000);
const First = z.int().min(0).max(1).optional();

/** What turns the pages: in the key, and with the rows of a page in `size`. */
function turnedBy<Key extends string, How extends z.ZodType>(key: Key, how: How) {
  const turned = { [key]: how } as Record<Key, How>;
  return { turned, size: z.strictObject({ ...turned, rows: Rows }).optional() };
}

/** How a page of an API that answers with JSON leads to the next. @param parameter how a parameter is named */
export function httpPages<Parameter extends z.ZodType>(parameter: Parameter) {
  const { turned, size } = turnedBy('parameter', parameter);
  /** Where an answer says whether more pages follow. */
  const more = Pointer.optional();
  return z.discriminatedUnion(
    'by',
    [
      z.strictObject({ by: z.literal('page'), ...turned, first: First, size, more }),
      z.strictObject({ by: z.literal('offset'), ...turned, size, more }),
      /** `next`: where the cursor of the page behind is. */
      z.strictObject({ by: z.literal('cursor'), ...turned, next: Pointer, size, more }),
      /** The header `Link`. */
      z.strictObject({ by: z.literal('link'), size, more }),
      /** `next`: where the URL of the page behind is. */
      z.strictObject({ by: z.literal('url'), next: Pointer, size, more }),
    ],
    { error: 'expected by: page, offset, cursor, link or url' },
  );
}

/**
 * How a page of a GraphQL API leads to the next.
 * @param key what takes the number or cursor: an argument, or a variable of a query
 * @param place where `next` and `more` are; those of a connection when they are left out
 */
export function graphqlPages<Key extends string, How extends z.ZodType>(key: Key, how: How, place: z.ZodType<string>) {
  const { turned, size } = turnedBy(key, how);
  return z.discriminatedUnion(
    'by',
    [
      z.strictObject({ by: z.literal('page'), ...turned, first: First, size }),
      z.strictObject({ by: z.literal('offset'), ...turned, size }),
      z.strictObject({ by: z.literal('cursor'), ...turned, next: place.optional(), more: place.optional(), size }),
    ],
    { error: 'expected by: page, offset or cursor' },
  );
}
