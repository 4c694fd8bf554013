import { canonicalJson } from '../../../kernel/index.js';
import type { HttpClient, HttpClients } from '../../../sources/index.js';
import type { CollectorType } from '../collector-type.js';
import { collectPages } from '../pages/collect-pages.js';
import type { PagePlace, PagesBy } from '../pages/page-flow.js';
import type { PageSource } from '../pages/page-source.js';
import { DEFAULT_MOST_PAGES } from '../parts/most-pages.js';
import type { GraphqlPart } from '../parts/graphql.js';
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
  const { query, items, fields, since, pages, maxBytes } = part;
  const { max: mostPages = DEFAULT_MOST_PAGES, ...places } = pages ?? { by: undefined };
  return {
    shape: { items: `/data${items}`, fields, since },
    pages: pagesBy(part),
    mostPages,
    since,
    places: canonicalJson(places),
    async ask(place, from, signal) {
      const body = JSON.stringify({ query, variables: variablesOf(part, place, from) });
      const answer = await client.send({
        method: 'POST',
        headers: { accept: ACCEPT },
        body,
        // A query changes nothing.
        repeatable: true,
        ...(maxBytes !== undefined && { maxBytes }),
        longestWaitMs,
        signal,
      });
      refuseErrors(client.name, answer.body);
      return { body: answer.body, headers: answer.headers, placeOf: (url) => client.placeOf(url, answer) };
    },
  };
}

function pagesBy({ pages }: GraphqlPart): PagesBy | undefined {
  if (pages?.by !== 'relay') return pages && { by: 'offset', total: pages.total === undefined ? undefined : `/data${pages.total}` };
  const info = `/data${pages.pageInfo}`;
  return { by: 'cursor', cursor: `${info}/endCursor`, more: `${info}/hasNextPage` };
}

function variablesOf({ variables = {}, pages, since }: GraphqlPart, place: PagePlace, from: string | undefined): object {
  const isNumber = since?.format === 'unix' || since?.format === 'unix_ms' || since?.format === 'number';
  return {
    ...variables,
    ...(pages?.sizeVariable !== undefined && { [pages.sizeVariable]: pages.size }),
    ...(since && from !== undefined && { [since.parameter]: isNumber ? Number(from) : from }),
    ...(pages && place !== undefined && { [pages.variable]: place }),
  };
}
