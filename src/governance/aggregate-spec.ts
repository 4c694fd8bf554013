import { z } from 'zod';

/** More than this is not a least size of a group any more. */
const LARGEST_GROUP = 1_000_000;

const fieldNames = z.array(z.string().min(1)).transform((names) => names.toSorted());

/** What stands in a grant in the place of `fields`. The order of the names says nothing, so it is not kept. */
export const AggregateOnly = z.strictObject({
  /** Rows with equal values of all of them are a cell: the smallest part that an answer is made of. */
  dimensions: fieldNames.pipe(z.array(z.string()).min(1)),
  /** Fields of which there are the sum and the mean. */
  measures: fieldNames.default([]),
  /** A cell with fewer distinct subjects is in no answer. One subject is no group. */
  minGroup: z.int().min(2).max(LARGEST_GROUP),
});
export type AggregateOnly = z.infer<typeof AggregateOnly>;
