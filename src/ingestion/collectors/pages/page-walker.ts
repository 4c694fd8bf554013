import { sha256 } from '../../../kernel/index.js';
import { rejected } from '../../rejection.js';
import { firstPlace, nextPlace, type PagePlace } from './page-flow.js';
import type { PageWalk } from './page-position.js';
import { pageOf, type Page } from './page-rows.js';
import type { PageSource } from './page-source.js';

/** A page, and how the walk stands after it. */
export interface WalkedPage {
  readonly page: Page;
  /** Its number in the walk, from 1. */
  readonly number: number;
  /** When it was asked for. */
  readonly askedAt: Date;
  /** Undefined when it was the last. */
  readonly walk: PageWalk | undefined;
  /** The latest of all rows so far. */
  readonly newest: number | undefined;
}

/**
 * The pages of a source one after the other, from the first one or from where another walk was.
 * @throws HeadgateError as PageSource.ask and pageOf; DATA_REJECTED for pages that come again, or never end
 */
export async function* walkPages(
  source: PageSource,
  start: PageWalk | { readonly since: string | undefined },
  signal: AbortSignal,
): AsyncGenerator<WalkedPage> {
  const { pages, mostRequests, shape, since } = source;
  let before = 'place' in start ? start : undefined;
  let place: PagePlace = before ? before.place : firstPlace(pages);
  let last = '';
  const places = new Set<PagePlace>();
  for (;;) {
    const number = (before?.pages ?? 0) + 1;
    if (number > mostRequests) {
      throw rejected(
        `The source has more than ${mostRequests} pages. If so many are meant, say so with limits: requests; else look at how pages lead to the next.`,
      );
    }
    places.add(place);
    const askedAt = new Date();
    const answer = await source.ask(place, start.since, signal);
    const page = pageOf(answer.body, shape, askedAt);
    const rows = (before?.rows ?? 0) + page.count;
    const next = nextPlace(pages, place, rows, { page, headers: answer.headers, placeOf: answer.placeOf });
    if (next !== undefined) {
      const hash = sha256(page.rows);
      // A source that does not know the parameter gives its first page for ever.
      if (places.has(next) || (page.count > 0 && hash === last))
        throw rejected('The source gives the same page again. Look at how pages lead to the next: its parameter, or its pointer.');
      last = hash;
    }
    const newest = later(before?.newest, page.newest, since?.format === 'number' ? Infinity : askedAt.getTime());
    const walk = next === undefined ? undefined : walkAt({ of: source.places, place: next, pages: number, rows, since: start.since, newest });
    yield { page, number, askedAt, walk, newest };
    if (!walk) return;
    before = walk;
    place = walk.place;
  }
}

/** A row from the future would hide all that come before its time. */
function later(a: number | undefined, b: number | undefined, most: number): number | undefined {
  const known = [a, b].filter((each) => each !== undefined);
  return known.length === 0 ? undefined : Math.min(Math.max(...known), most);
}

function walkAt({ since, newest, ...walk }: { [Key in keyof Required<PageWalk>]: PageWalk[Key] | undefined }): PageWalk {
  return { ...(walk as PageWalk), ...(since !== undefined && { since }), ...(newest !== undefined && { newest }) };
}
