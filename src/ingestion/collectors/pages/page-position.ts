import { z } from 'zod';

/** Where a collector of pages is, as it is kept with what was loaded. */
const PagePosition = z.object({
  /** The latest value of the field of `since` up to which all rows are there. */
  since: z.string().optional(),
  /** A way through the pages that is not over: it goes on where the last page that landed ends. */
  walk: z
    .object({
      /** Of what the places are: other pages have others. */
      of: z.string(),
      place: z.union([z.string(), z.number()]),
      /** Pages and rows so far. */
      pages: z.number(),
      rows: z.number(),
      /** What was asked for from its first page on. */
      since: z.string().optional(),
      newest: z.number().optional(),
    })
    .optional(),
});
export type PagePosition = z.output<typeof PagePosition>;
export type PageWalk = NonNullable<PagePosition['walk']>;

/** What is no position, or one of another version, is the beginning. */
export function pagePosition(value: unknown): PagePosition {
  return PagePosition.safeParse(value).data ?? {};
}
