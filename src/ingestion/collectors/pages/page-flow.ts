import { atPointer } from '../../../kernel/index.js';
import { linkNext, type OutboundHeaders } from '../../../outbound/index.js';
import { rejected } from '../../rejection.js';
import type { Page } from './page-rows.js';

/** Where the next page is: its number, the row it begins with, what the last one said; undefined for the first. */
export type PagePlace = number | string | undefined;

/** What an answer says beside its rows. */
export interface PageAnswer {
  readonly page: Pick<Page, 'count' | 'rest'>;
  readonly headers: OutboundHeaders;
  /** A URL of the answer as a place at the source. */
  readonly placeOf: (url: string) => string;
}

export type PagesBy = { readonly more?: string | undefined } & (
  | { readonly by: 'page'; readonly first?: number | undefined; readonly count?: string | undefined }
  | { readonly by: 'offset'; readonly count?: string | undefined }
  | { readonly by: 'cursor'; readonly next: string }
  | { readonly by: 'link' }
  | { readonly by: 'url'; readonly next: string }
);

/** Where the first page is. */
export function firstPlace(pages: PagesBy | undefined): PagePlace {
  if (pages?.by === 'page') return pages.first ?? 1;
  return pages?.by === 'offset' ? 0 : undefined;
}

/**
 * Where the page after an answer is; undefined when there is none. A page with fewer rows than were asked for does not end it: some sources
 * give fewer than they are asked for. One without rows does, where pages are counted.
 * @param seen rows of all pages so far, this one with them
 * @throws HeadgateError DATA_REJECTED when what should lead to it can't
 */
export function nextPlace(pages: PagesBy | undefined, at: PagePlace, seen: number, { page, headers, placeOf }: PageAnswer): PagePlace {
  if (!pages) return undefined;
  if (pages.more !== undefined) {
    const more = atPointer(page.rest, pages.more);
    if (typeof more !== 'boolean') throw rejected(`What the source answers has no true or false at ${pages.more}. Look at pages: more.`);
    if (!more) return undefined;
  }
  const next = placeAfter(pages, at, seen, { page, headers, placeOf });
  if (next === undefined && pages.more !== undefined && pages.by !== 'page' && pages.by !== 'offset') {
    throw rejected(`What the source answers says at ${pages.more} that more pages follow, and not where they are.`);
  }
  return next;
}

function placeAfter(pages: PagesBy, at: PagePlace, seen: number, { page, headers, placeOf }: PageAnswer): PagePlace {
  if (pages.by === 'link') {
    const link = linkNext(headers);
    return link === undefined ? undefined : placeOf(link);
  }
  if (pages.by === 'url' || pages.by === 'cursor') {
    const pointer = pages.next;
    const found = atPointer(page.rest, pointer);
    if (found === undefined || found === null || found === '' || found === false) return undefined;
    if (typeof found !== 'string' && typeof found !== 'number') throw rejected(`What the source answers at ${pointer} is neither a text nor a number.`);
    return pages.by === 'url' ? placeOf(String(found)) : String(found);
  }
  if (page.count === 0) return undefined;
  if (pages.count !== undefined) {
    const count = Number(atPointer(page.rest, pages.count));
    if (!Number.isInteger(count)) throw rejected(`What the source answers has no whole number at ${pages.count}. Look at count.`);
    if (seen >= count) return undefined;
  }
  return pages.by === 'page' ? Number(at) + 1 : Number(at) + page.count;
}
