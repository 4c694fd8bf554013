import { canonicalJson } from '../../../kernel/index.js';
import type { HttpClient, HttpClients } from '../../../sources/index.js';
import type { CollectorType } from '../collector-type.js';
import { collectPages } from '../pages/collect-pages.js';
import type { PagePlace, PagesBy } from '../pages/page-flow.js';
import type { PageSource } from '../pages/page-source.js';
import type { GraphqlPart } from '../parts/graphql.js';
import { DEFAULT_LIMITS } from '../parts/pages.js';
import { refuseErrors } from './graphql-errors.js';

/** Somebody who collects can wait: a source that asks to be left alone for some minutes is. */
const LONGEST_WAIT_MS = 300_000;

/** As the specification of GraphQL over HTTP wants it, and older servers. */
const ACCEPT = 'application/graphql-response+json, application/json;q=0.9';

/** Rows of another GraphQL API, page by page. */
export function graphqlCollector(clients: HttpClients): CollectorType {
  return {
    async collect(job) {
      const { collector, source } = job;
      if (!collector.graphql || source.type !== 'graphql') return;
      await collectPages(job, graphqlPagesOf(clients.of(source), collector.graphql));
    },
  };
}

/** What the part of a document asks for. @param longestWaitMs as of HttpRequest */
export function graphqlPagesOf(client: HttpClient, part: GraphqlPart, longestWaitMs = LONGEST_WAIT_MS): PageSource {
  const { query, items, fields, rest, since, pages, limits } = part;
  return {
    shape: { items: `/data${items}`, fields, rest, since },
    pages: pagesBy(part),
    mostRequests: limits?.requests ?? DEFAULT_LIMITS.requests,
    since,
    places: canonicalJson(pages ?? {}),
    async ask(place, from, signal) {
      const body = JSON.stringify({ query, variables: variablesOf(part, place, from) });
      const answer = await client.send({
        method: 'POST',
        headers: { accept: ACCEPT },
        body,
        // A query changes nothing.
        repeatable: true,
        maxBytes: limits?.pageBytes ?? DEFAULT_LIMITS.pageBytes,
        longestWaitMs,
        signal,
      });
      refuseErrors(client.name, answer.body);
      return { body: answer.body, headers: answer.headers, placeOf: (url) => client.placeOf(url, answer) };
    },
  };
}

function pagesBy({ pages, items, count }: GraphqlPart): PagesBy | undefined {
  if (pages?.by !== 'cursor') return pages && { ...pages, count: count === undefined ? undefined : `/data${count}` };
  // A connection has its `pageInfo` beside its rows.
  const info = `${items.slice(0, Math.max(items.lastIndexOf('/'), 0))}/pageInfo`;
  const { next = `${info}/endCursor`, more = `${info}/hasNextPage` } = pages;
  return { by: 'cursor', next: `/data${next}`, more: `/data${more}` };
}

function variablesOf({ variables = {}, pages, since }: GraphqlPart, place: PagePlace, from: string | undefined): object {
  const isNumber = since?.format === 'unix' || since?.format === 'unix_ms' || since?.format === 'number';
  return {
    ...variables,
    ...(pages?.size && { [pages.size.variable]: pages.size.rows }),
    ...(since && from !== undefined && { [since.variable]: isNumber ? Number(from) : from }),
    ...(pages && place !== undefined && { [pages.variable]: place }),
  };
}
