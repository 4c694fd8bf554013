import { isRawNumber, memberOf } from '../../../kernel/index.js';
import { linkNext, type OutboundHeaders } from '../../../outbound/index.js';
import type { HttpPart } from '../../collectors/parts/http.js';
import { membersIn, type Member } from './rows-in-answer.js';

const NEXT = /^(next|nextlink|@odata\.nextlink|next_?(page_?)?(url|uri|link|href))$/i;
const CURSOR = /^((next|end)_?cursor|cursor|(next_?)?(page_?)?token|continuation(_?token)?)$/i;
const MORE = /^(has_?more|has_?next(_?page)?|more|truncated|is_?truncated)$/i;
const TOTAL = /^(total(_?(count|rows|results|items|hits|records))?|count)$/i;
/** Parameters that ask for one page of several. */
const PLACES = /^(page|p|page_?(number|no)|offset|start|skip|from|cursor|after|page_?token)$/i;

/** What an answer says of the pages behind it. */
export interface NextPage {
  /** How a page leads to the next, where the answer itself says so. */
  readonly pages: HttpPart['pages'];
  /** That there are more rows is known, and not how they are asked for. */
  readonly isMore: boolean;
  readonly remarks: readonly string[];
}

interface FirstAnswer {
  /** The answer without its rows. */
  readonly rest: unknown;
  readonly count: number;
  readonly headers: OutboundHeaders;
  /** @throws when it leads to another host */
  readonly placeOf: (url: string) => string;
  readonly query: Readonly<Record<string, string>>;
}

/** Only what is known is said: a header `Link`, or a URL that is called next. What else may be a way is a remark. */
export function nextPageIn(answer: FirstAnswer): NextPage {
  const { headers, rest, placeOf } = answer;
  const link = linkNext(headers);
  if (link !== undefined && leads(link, placeOf)) return known({ by: 'link' });
  const members = membersIn(rest);
  const next = members.find(({ name, value }) => NEXT.test(name) && urlOf(value) !== undefined);
  const url = next && urlOf(next.value);
  if (next && url !== undefined && leads(url, placeOf)) {
    return known({ by: 'url', next: typeof next.value === 'string' ? next.pointer : `${next.pointer}/href` });
  }
  const elsewhere = link !== undefined || next !== undefined;
  return unknown(answer, members, elsewhere ? ['The URL of the next page leads to another host, which gets no credentials.'] : []);
}

function known(pages: NonNullable<HttpPart['pages']>): NextPage {
  return { pages, isMore: false, remarks: [] };
}

function unknown({ count, query }: FirstAnswer, members: readonly Member[], remarks: string[]): NextPage {
  const place = Object.keys(query).find((name) => PLACES.test(name));
  const more = members.find(({ name, value }) => MORE.test(name) && value === true);
  const total = members.find(({ name, value }) => TOTAL.test(name) && Number(isRawNumber(value) ? value.rawJSON : value) > count);
  const cursor = members.find(({ name, value }) => CURSOR.test(name) && (typeof value === 'string' ? value !== '' : typeof value === 'number'));
  if (place !== undefined) remarks.push(`The parameter ${place} asks for one page only: take it out of the query, and say pages.`);
  if (more) remarks.push(`${more.pointer} says that more pages follow.`);
  if (total) remarks.push(`${total.pointer} says that there are more rows.`);
  if (cursor) remarks.push(`A cursor seems to be there: pages: { by: cursor, parameter: <its parameter>, next: ${cursor.pointer} }`);
  const isMore = remarks.length > 0;
  remarks.push(
    isMore
      ? 'The answer does not say how a next page is asked for: say pages before this is applied.'
      : 'The answer has no way to a next page, so it counts as all there is. If there is more, say pages: by page, offset or cursor.',
  );
  return { pages: undefined, isMore, remarks };
}

function leads(url: string, placeOf: (url: string) => string): boolean {
  try {
    placeOf(url);
    return true;
  } catch {
    return false;
  }
}

/** A URL, absolute or from the host's root on, also as `{ href }`. */
function urlOf(value: unknown): string | undefined {
  const text = typeof value === 'string' ? value : memberOf(value, 'href');
  return typeof text === 'string' && /^(https?:\/\/|\/|\?|\.\/)/.test(text) ? text : undefined;
}
