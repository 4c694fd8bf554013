import { HeadgateError, pointerOf } from '../../../kernel/index.js';
import type { HttpClient } from '../../../sources/index.js';
import { pagesOf } from '../../collectors/http/http-collector.js';
import { JsonText, parsed } from '../../collectors/pages/json-text.js';
import { pageOf } from '../../collectors/pages/page-rows.js';
import type { AnsweredPage, PageSource } from '../../collectors/pages/page-source.js';
import { walkPages } from '../../collectors/pages/page-walker.js';
import { httpPart, type HttpPart } from '../../collectors/parts/http.js';
import { itemsIn } from './rows-in-answer.js';
import { nextPageIn, type NextPage } from './next-page.js';
import type { Sample, SampleBounds } from './sample.js';

/** Somebody waits for the contract. */
const LONGEST_WAIT_MS = 5_000;
const CHANGED = /^(last_)?(updated|modified|changed)(_|$)/;

export interface HttpWanted {
  /** A path below the URL of the source, with its query. */
  readonly from: string;
  /** A JSON pointer to the rows; found when absent. */
  readonly items?: string | undefined;
  /** JSON that is sent with POST. */
  readonly body?: string | undefined;
}

/**
 * The first pages of an API. Its first answer is asked for at once: it says where the rows are, and how more of them are asked for.
 * @throws HeadgateError BAD_USER_INPUT for what can't be asked, and where rows can't be found; as HttpClient.send
 */
export async function httpSample(client: HttpClient, wanted: HttpWanted, bounds: SampleBounds): Promise<Sample> {
  const asked = partOf(wanted);
  const first = await pagesOf(client, asked, LONGEST_WAIT_MS).ask(undefined, undefined, bounds.signal);
  const text = new JsonText(first.body);
  const items = wanted.items ?? itemsIn(client.name, parsed(text.text(text.whole())));
  const page = pageOf(first.body, { items }, new Date());
  const next = nextPageIn({ rest: page.rest, count: page.count, headers: first.headers, placeOf: first.placeOf, query: asked.query ?? {} });
  const part: HttpPart = { ...asked, ...(items !== '' && { items }), ...(next.pages && { pages: next.pages }) };
  const walk = new Walk(pagesOf(client, part, LONGEST_WAIT_MS), first, bounds);
  return {
    called: asked.path,
    rows: walk.rows(),
    columns: [],
    key: [],
    isWhole: () => walk.isOver && !next.isMore,
    seen: () => `${asked.path || 'the URL'} of the source ${client.name}${walk.pages > 1 ? `, ${walk.pages} pages` : ''}`,
    part: (fields, key) => {
      const changed = fields.find(({ name, type }) => type === 'timestamp' && CHANGED.test(name));
      const since = changed && `since: { pointer: ${pointerOf([changed.alias ?? changed.name])}, parameter: <its parameter> }`;
      return {
        part: { http: part },
        remarks: [...next.remarks, ...(since && key.length > 0 ? [`To ask only for what is new: mode: merge, and ${since}`] : [])],
      };
    },
    remarks: walkRemarks(next),
  };
}

function walkRemarks({ pages }: NextPage): string[] {
  return pages ? [`Pages follow each other by ${pages.by === 'url' ? `the URL at ${pages.next}` : 'the header Link'}.`] : [];
}

/** @throws HeadgateError BAD_USER_INPUT */
function partOf({ from, items, body }: HttpWanted): HttpPart {
  const [path = '', search = ''] = from.split(/\?(.*)/s, 2);
  const query = Object.fromEntries(new URLSearchParams(search));
  const part = {
    path: path === '' || path.startsWith('/') ? path : `/${path}`,
    ...(Object.keys(query).length > 0 && { query }),
    ...(body !== undefined && { method: 'POST', body: objectOf(body) }),
    ...(items !== undefined && items !== '' && { items }),
  };
  const checked = httpPart.shape.safeParse(part);
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  throw new HeadgateError('BAD_USER_INPUT', `${issue?.path.join('.') ?? 'path'}: ${issue?.message ?? 'it can not be asked'}.`);
}

function objectOf(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    throw new HeadgateError('BAD_USER_INPUT', 'body: expected an object of JSON.');
  }
}

/** The first pages one after the other; the very first was asked for already. */
export class Walk {
  isOver = false;
  pages = 0;
  readonly #source: PageSource;
  readonly #bounds: SampleBounds;

  constructor(source: PageSource, first: AnsweredPage | undefined, bounds: SampleBounds) {
    let answered = first;
    this.#bounds = bounds;
    this.#source = {
      ...source,
      async ask(place, since, signal) {
        const answer = answered ?? (await source.ask(place, since, signal));
        answered = undefined;
        return answer;
      },
    };
  }

  async *rows(): AsyncGenerator<Buffer> {
    const { mostPages, mostRows, signal } = this.#bounds;
    let rows = 0;
    for await (const { page, number, walk } of walkPages(this.#source, { since: undefined }, signal)) {
      this.pages = number;
      rows += page.count;
      this.isOver = walk === undefined;
      if (page.count > 0) yield page.rows;
      if (number >= mostPages || rows >= mostRows) return;
    }
  }
}
