import autocannon from 'autocannon';
import { checkAnswers } from './check.ts';
import type { Options } from './options.ts';
import { requestsOf, type QueryName } from './queries.ts';
import type { ReadServerName, ServerProcess } from './server-process.ts';
import type { Shop } from './shop.ts';
import { median } from './statistics.ts';

/** A server, and who asks it. */
export interface Contestant {
  readonly server: ServerProcess<ReadServerName>;
  /** By country. */
  readonly tokens: ReadonlyMap<string, string>;
  /** What it shows of the fields that Headgate can mask. */
  readonly sees: 'masked' | 'plain';
}

/** What a contestant did with one query. */
export interface ContestResult {
  /** Requests a second, a round each. */
  readonly rounds: readonly number[];
  readonly requestsPerSecond: number;
  /** Milliseconds; the median of the rounds. */
  readonly p50: number;
  readonly p99: number;
  /** Requests answered in all measured rounds. */
  readonly requests: number;
}

interface Round {
  readonly requestsPerSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly requests: number;
}

export interface ContestOptions {
  readonly shop: Shop;
  readonly options: Options;
  readonly say: (text: string) => void;
}

/**
 * Measures the contestants in turns, so that what else the machine does falls on all of them.
 * @param truth of the contestants, the one whose rows are right
 * @throws Error for the first answer that is wrong, before anything is measured
 */
export async function contest<Name extends string>(
  query: QueryName,
  contestants: Readonly<Record<Name, Contestant>>,
  truth: NoInfer<Name>,
  { shop, options, say }: ContestOptions,
): Promise<Record<Name, ContestResult>> {
  const named = Object.entries<Contestant>(contestants) as [Name, Contestant][];
  const sizes = await checkAnswers(query, contestants, truth);
  say(`${query}: the answers are right`);
  const rounds = new Map(named.map(([name]) => [name, [] as Round[]]));
  const shoot = async ([name, contestant]: [Name, Contestant], seconds: number) => {
    await shop.sealed();
    return await shootAt(contestant, query, { seconds, connections: options.connections, expectedBytes: sizes[name] });
  };
  for (const one of named) await shoot(one, options.warmUpSeconds);
  for (let round = 0; round < options.rounds; round++) {
    for (let turn = 0; turn < named.length; turn++) {
      // A different one begins each time.
      const one = named[(round + turn) % named.length];
      if (one) rounds.get(one[0])?.push(await shoot(one, options.seconds));
    }
    say(`${query}: round ${round + 1} of ${options.rounds}`);
  }
  return Object.fromEntries(named.map(([name]) => [name, resultOf(rounds.get(name) ?? [])])) as Record<Name, ContestResult>;
}

interface Shooting {
  readonly seconds: number;
  readonly connections: number;
  readonly expectedBytes: number;
}

async function shootAt({ server, tokens }: Contestant, query: QueryName, { seconds, connections, expectedBytes }: Shooting): Promise<Round> {
  const result = await autocannon({
    url: server.url,
    connections,
    duration: seconds,
    requests: requestsOf(query, server.name, tokens).map((request) => ({ ...request, headers: { ...request.headers } })),
  });
  const { total } = result.requests;
  if (result.errors > 0 || result.timeouts > 0 || result.non2xx > 0 || total === 0) {
    throw new Error(`${server.name} failed on ${query}: ${total} requests, ${result.errors} errors, ${result.timeouts} timeouts, ${result.non2xx} not 2xx`);
  }
  // An error of GraphQL is a 200 too; it is shorter than an answer.
  if (result.throughput.total / total < expectedBytes * 0.95) throw new Error(`${server.name} gave shorter answers to ${query} under load`);
  return { requestsPerSecond: total / result.duration, p50: result.latency.p50, p99: result.latency.p99, requests: total };
}

function resultOf(rounds: readonly Round[]): ContestResult {
  const each = rounds.map(({ requestsPerSecond }) => requestsPerSecond);
  return {
    rounds: each,
    requestsPerSecond: median(each),
    p50: median(rounds.map(({ p50 }) => p50)),
    p99: median(rounds.map(({ p99 }) => p99)),
    requests: rounds.reduce((sum, { requests }) => sum + requests, 0),
  };
}
