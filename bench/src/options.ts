import { QUERIES, type QueryName } from './queries.ts';

/** How much is measured. The defaults give the figures of the README; smaller ones only show that the bench runs. */
export interface Options {
  /** A multiple of 80, so that each pair of country and tier has equally many; each has 10 orders. */
  readonly customers: number;
  readonly queries: readonly QueryName[];
  readonly connections: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly loadRows: number;
  readonly loadRounds: number;
  /** Rows that are merged, and those that are there before. */
  readonly mergeRows: number;
  readonly mergeBase: number;
  readonly json: boolean;
  readonly parts: ReadonlySet<Part>;
}

const PARTS = ['reads', 'overheads', 'loads', 'merges', 'parquet', 'exports'] as const;
export type Part = (typeof PARTS)[number];

const CELLS = 80;
const LARGEST_PAGE = 100;

/** @throws Error that names the variable or argument that is not understood. */
export function readOptions(env: NodeJS.ProcessEnv, argv: readonly string[]): Options {
  const parts = argv.filter((argument): argument is Part => (PARTS as readonly string[]).includes(argument));
  const unknown = argv.find((argument) => argument !== '--json' && !(PARTS as readonly string[]).includes(argument));
  if (unknown !== undefined) throw new Error(`Unknown argument ${unknown}. Known: ${PARTS.join(', ')} (all when none is named), --json.`);
  const customers = whole(env, 'BENCH_CUSTOMERS', 100_000);
  if (customers % CELLS !== 0 || customers < CELLS * LARGEST_PAGE) {
    throw new Error(`BENCH_CUSTOMERS: expected a multiple of ${CELLS} from ${CELLS * LARGEST_PAGE} on, got ${customers}.`);
  }
  return {
    customers,
    queries: some(env, 'BENCH_QUERIES', QUERIES),
    connections: whole(env, 'BENCH_CONNECTIONS', 16),
    rounds: whole(env, 'BENCH_ROUNDS', 5),
    seconds: whole(env, 'BENCH_SECONDS', 3),
    warmUpSeconds: whole(env, 'BENCH_WARM_UP_SECONDS', 8),
    loadRows: whole(env, 'BENCH_LOAD_ROWS', 1_000_000),
    loadRounds: whole(env, 'BENCH_LOAD_ROUNDS', 5),
    mergeRows: whole(env, 'BENCH_MERGE_ROWS', 1_000_000),
    mergeBase: whole(env, 'BENCH_MERGE_BASE', 10_000_000),
    json: argv.includes('--json'),
    parts: new Set(parts.length > 0 ? parts : PARTS),
  };
}

function whole(env: NodeJS.ProcessEnv, name: string, fallback: number): number {
  const text = env[name];
  if (text === undefined || text === '') return fallback;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`${name}: expected a whole number from 1 on, got ${JSON.stringify(text)}.`);
  return value;
}

function some<Name extends string>(env: NodeJS.ProcessEnv, name: string, all: readonly Name[]): readonly Name[] {
  const text = env[name];
  if (text === undefined || text === '') return all;
  const given = text.split(',');
  const unknown = given.find((one) => !(all as readonly string[]).includes(one));
  if (unknown !== undefined) throw new Error(`${name}: expected some of ${all.join(',')}, got ${JSON.stringify(unknown)}.`);
  return all.filter((one) => given.includes(one));
}
