import { canonicalJson, pointerOf } from '../../../kernel/index.js';
import type { HttpClient, HttpClients, HttpRequest } from '../../../sources/index.js';
import type { CollectorType } from '../collector-type.js';
import { collectPages } from '../pages/collect-pages.js';
import type { PagePlace } from '../pages/page-flow.js';
import type { PageSource } from '../pages/page-source.js';
import type { HttpPart } from '../parts/http.js';
import { DEFAULT_LIMITS } from '../parts/pages.js';
import { withPointed } from '../parts/with-pointed.js';

/** Somebody who collects can wait: a source that asks to be left alone for some minutes is. */
const LONGEST_WAIT_MS = 300_000;

/** Rows of an API that answers with JSON, page by page. */
export function httpCollector(clients: HttpClients): CollectorType {
  return {
    async collect(job) {
      const { collector, source } = job;
      if (!collector.http || source.type !== 'http') return;
      await collectPages(job, pagesOf(clients.of(source), collector.http));
    },
  };
}

/** What the part of a document asks for. @param longestWaitMs as of HttpRequest */
export function pagesOf(client: HttpClient, part: HttpPart, longestWaitMs = LONGEST_WAIT_MS): PageSource {
  const { items = '', count, fields, rest, since, pages, limits } = part;
  return {
    shape: { items, fields, rest, since },
    pages: pages?.by === 'page' || pages?.by === 'offset' ? { ...pages, count } : pages,
    mostRequests: limits?.requests ?? DEFAULT_LIMITS.requests,
    since,
    places: canonicalJson(pages ?? {}),
    async ask(place, from, signal) {
      const answer = await client.send({ ...requestOf(part, place, from), longestWaitMs, signal });
      return { body: answer.body, headers: answer.headers, placeOf: (url) => client.placeOf(url, answer) };
    },
  };
}

function requestOf(part: HttpPart, place: PagePlace, from: string | undefined): HttpRequest {
  const { path, query = {}, method = 'GET', body = {}, limits } = part;
  const parameters = parametersOf(part, place, from);
  const common = { method, maxBytes: limits?.pageBytes ?? DEFAULT_LIMITS.pageBytes };
  // A URL that leads to the next page has all that it needs.
  const isWhole = typeof place === 'string' && (part.pages?.by === 'link' || part.pages?.by === 'url');
  const where = isWhole ? { place } : { path, query };
  if (method === 'POST') {
    let sent: unknown = body;
    for (const [name, value] of Object.entries(parameters)) sent = withPointed(sent, name.startsWith('/') ? name : pointerOf([name]), value);
    return { ...common, ...where, body: JSON.stringify(sent), repeatable: true };
  }
  if (isWhole) return { ...common, place };
  return { ...common, path, query: { ...query, ...Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, String(value)])) } };
}

function parametersOf({ pages, since }: HttpPart, place: PagePlace, from: string | undefined): Record<string, string | number> {
  const isNumber = since?.format === 'unix' || since?.format === 'unix_ms' || since?.format === 'number';
  return {
    ...(pages?.size && { [pages.size.parameter]: pages.size.rows }),
    ...(since && from !== undefined && { [since.parameter]: isNumber ? Number(from) : from }),
    ...(pages && 'parameter' in pages && place !== undefined && { [pages.parameter]: place }),
  };
}
