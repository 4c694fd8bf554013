import { contest, type ContestOptions, type ContestResult } from './contest.ts';
import { queries, type QueryName } from './queries.ts';
import type { ReadServerName, ServerProcess } from './server-process.ts';

export interface ReadResult extends ContestResult {
  readonly query: QueryName;
  readonly server: ReadServerName;
  /** Rows answered in all measured rounds. */
  readonly rows: number;
}

/** Headgate beside its peers. */
export async function measureReads(servers: Readonly<Record<ReadServerName, ServerProcess<ReadServerName>>>, options: ContestOptions): Promise<ReadResult[]> {
  const { tokens } = options.shop;
  const contestants = {
    headgate: { server: servers.headgate, tokens, sees: 'masked' },
    postgraphile: { server: servers.postgraphile, tokens, sees: 'plain' },
    limit: { server: servers.limit, tokens, sees: 'plain' },
  } as const;
  const results: ReadResult[] = [];
  for (const query of options.options.queries) {
    const measured = await contest(query, contestants, 'limit', options);
    for (const server of ['headgate', 'postgraphile', 'limit'] as const) {
      const result = measured[server];
      results.push({ query, server, ...result, rows: result.requests * queries[query].rows });
    }
  }
  return results;
}
