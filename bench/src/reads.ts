import autocannon from 'autocannon';
import { checkAnswers, type BodySizes } from './check.ts';
import type { Options } from './options.ts';
import { queries, QUERIES, requestsOf, type QueryName } from './queries.ts';
import type { ServerName, ServerProcess } from './server-process.ts';
import type { Shop } from './shop.ts';
import { median } from './statistics.ts';

export interface ReadResult {
  readonly query: QueryName;
  readonly server: ServerName;
  /** Requests a second, a round each. */
  readonly rounds: readonly number[];
  readonly requestsPerSecond: number;
  /** Milliseconds; the median of the rounds. */
  readonly p50: number;
  readonly p99: number;
  /** Rows answered in all measured rounds. */
  readonly rows: number;
}

interface Round {
  readonly requestsPerSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly requests: number;
}

/** Measures the servers in turns, so that what else the machine does falls on all of them. */
export async function measureReads(servers: readonly ServerProcess[], shop: Shop, options: Options, say: (text: string) => void): Promise<ReadResult[]> {
  const results: ReadResult[] = [];
  for (const query of QUERIES) {
    const sizes = await checkAnswers(query, servers, shop.tokens);
    say(`${query}: the answers are right`);
    const rounds = new Map<ServerName, Round[]>(servers.map(({ name }) => [name, []]));
    for (const server of servers) await shoot(server, query, options.warmUpSeconds, { shop, sizes, options });
    for (let round = 0; round < options.rounds; round++) {
      for (let turn = 0; turn < servers.length; turn++) {
        // A different one begins each time.
        const server = servers[(round + turn) % servers.length];
        if (!server) continue;
        await shop.sealed();
        rounds.get(server.name)?.push(await shoot(server, query, options.seconds, { shop, sizes, options }));
      }
      say(`${query}: round ${round + 1} of ${options.rounds}`);
    }
    for (const { name } of servers) results.push(resultOf(query, name, rounds.get(name) ?? []));
  }
  return results;
}

interface Shooting {
  readonly shop: Shop;
  readonly sizes: BodySizes;
  readonly options: Options;
}

async function shoot(server: ServerProcess, query: QueryName, seconds: number, { shop, sizes, options }: Shooting): Promise<Round> {
  const result = await autocannon({
    url: server.url,
    connections: options.connections,
    duration: seconds,
    requests: requestsOf(query, server.name, shop.tokens).map((request) => ({ ...request, headers: { ...request.headers } })),
  });
  const { total } = result.requests;
  if (result.errors > 0 || result.timeouts > 0 || result.non2xx > 0 || total === 0) {
    throw new Error(`${server.name} failed on ${query}: ${total} requests, ${result.errors} errors, ${result.timeouts} timeouts, ${result.non2xx} not 2xx`);
  }
  // An error of GraphQL is a 200 too; it is shorter than an answer.
  const expected = sizes.get(server.name) ?? 0;
  if (result.throughput.total / total < expected * 0.95) throw new Error(`${server.name} gave shorter answers to ${query} under load`);
  return { requestsPerSecond: total / result.duration, p50: result.latency.p50, p99: result.latency.p99, requests: total };
}

function resultOf(query: QueryName, server: ServerName, rounds: readonly Round[]): ReadResult {
  const each = rounds.map(({ requestsPerSecond }) => requestsPerSecond);
  return {
    query,
    server,
    rounds: each,
    requestsPerSecond: median(each),
    p50: median(rounds.map(({ p50 }) => p50)),
    p99: median(rounds.map(({ p99 }) => p99)),
    rows: rounds.reduce((sum, { requests }) => sum + requests * queries[query].rows, 0),
  };
}
