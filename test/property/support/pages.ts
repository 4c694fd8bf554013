import type { Row } from './model.js';

export interface PageArgs {
  readonly first?: number | null;
  readonly last?: number | null;
  readonly offset?: number | null;
  readonly after?: string | null;
  readonly before?: string | null;
}

export interface Page {
  readonly rows: readonly Row[];
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
}

const DEFAULT = 50;

/** The reference for pages: all rows sorted, and cut. @param all rows of the dataset, of which a cursor's may not be among `rows` */
export function pageOf(
  rows: readonly Row[],
  all: readonly Row[],
  order: (a: Row, b: Row) => number,
  args: PageArgs,
  cursors: ReadonlyMap<string, string>,
): Page {
  const { after, before, last } = args;
  const [from, to] = [after, before].map((cursor) => {
    const rid = cursor ? cursors.get(cursor) : undefined;
    const row = rid === undefined ? undefined : all.find((candidate) => candidate.rid === rid);
    if (cursor && !row) throw new Error('a cursor of no earlier answer');
    return row;
  });
  const between = rows.toSorted(order).filter((row) => (from ? order(row, from) > 0 : true) && (to ? order(row, to) < 0 : true));
  const isBackward = last !== undefined && last !== null;
  const limit = last ?? args.first ?? DEFAULT;
  const offset = args.offset ?? 0;
  if (isBackward) {
    // slice(-0) would be all of them.
    const page = limit === 0 ? [] : between.slice(-limit);
    return { rows: page, hasNextPage: to !== undefined, hasPreviousPage: between.length > page.length };
  }
  const rest = between.slice(offset);
  return { rows: rest.slice(0, limit), hasNextPage: rest.length > limit, hasPreviousPage: from !== undefined || offset > 0 };
}
