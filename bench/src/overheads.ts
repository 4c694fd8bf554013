import { contest, type ContestOptions, type ContestResult } from './contest.ts';
import type { QueryName } from './queries.ts';
import type { ServerProcess } from './server-process.ts';

/** Headgate with all that it does, without masks, and without waiting for the record. */
export type Way = 'all' | 'unmasked' | 'async';

export const wayTitles: Readonly<Record<Way, string>> = {
  all: 'masks, strict audit',
  unmasked: 'no masks, strict audit',
  async: 'masks, async audit',
};

/** Flat and one have masked fields; nested has none. */
export const OVERHEAD_QUERIES = ['flat', 'nested', 'one'] as const satisfies readonly QueryName[];
export type OverheadQuery = (typeof OVERHEAD_QUERIES)[number];

export interface OverheadResult extends ContestResult {
  readonly query: OverheadQuery;
  readonly way: Way;
}

/** What masks and strict audit cost. @param relaxed a server whose audit is async */
export async function measureOverheads(
  headgate: ServerProcess<'headgate'>,
  relaxed: ServerProcess<'headgate'>,
  options: ContestOptions,
): Promise<OverheadResult[]> {
  const { tokens, plainTokens } = options.shop;
  const contestants = {
    all: { server: headgate, tokens, sees: 'masked' },
    unmasked: { server: headgate, tokens: plainTokens, sees: 'plain' },
    async: { server: relaxed, tokens, sees: 'masked' },
  } as const;
  const results: OverheadResult[] = [];
  for (const query of OVERHEAD_QUERIES.filter((one) => options.options.queries.includes(one))) {
    const measured = await contest(query, contestants, 'unmasked', options);
    for (const way of ['all', 'unmasked', 'async'] as const) results.push({ query, way, ...measured[way] });
  }
  return results;
}
