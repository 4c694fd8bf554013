import type { ExportReport } from './exports.ts';
import type { LoadReport } from './loads.ts';
import type { MergeReport } from './merges.ts';
import { OVERHEAD_QUERIES, type OverheadQuery, type OverheadResult, type Way } from './overheads.ts';
import type { QueryName } from './queries.ts';
import type { ReadResult } from './reads.ts';

/** A ratio that the project set itself. */
export interface Mark {
  readonly what: string;
  readonly atLeast: number;
  readonly ratio: number;
  readonly met: boolean;
}

/** Requests a second against PostGraphile's. */
const READS: Readonly<Record<QueryName, number>> = { flat: 2.5, nested: 3, one: 1.2, aggregate: 2, groups: 2 };
/** Requests a second against the limit's, for lists. */
const TO_LIMIT = 0.8;
/** The limit's time for the slowest request of a hundred against ours. */
const P99_TO_LIMIT = 0.5;
/** Requests a second with masks or with strict audit against those without. */
const OVERHEAD = 0.85;
/** Rows a second against those of psql's \copy, or of a COPY where there is no psql. */
const LOAD = 0.8;
/** Rows a second against those of a script that does only what it must. */
const MERGE = 0.5;
/** Rows a second against a plain COPY's, as CSV. */
const EXPORT = 0.6;

export function readMarks(results: readonly ReadResult[]): Mark[] {
  const of = (query: QueryName, server: string) =>
    results.find((result) => result.query === query && result.server === server)?.requestsPerSecond ?? Number.NaN;
  const toPeer = (Object.keys(READS) as QueryName[]).map((query) =>
    mark(`${query}: Headgate / PostGraphile`, READS[query], of(query, 'headgate') / of(query, 'postgraphile')),
  );
  const toLimit = (['flat', 'nested'] as const).map((query) => mark(`${query}: Headgate / the limit`, TO_LIMIT, of(query, 'headgate') / of(query, 'limit')));
  const p99 = (query: QueryName, server: string) => results.find((result) => result.query === query && result.server === server)?.p99 ?? Number.NaN;
  // Milliseconds are whole: less than one is one.
  const slowest = (Object.keys(READS) as QueryName[]).map((query) =>
    mark(`${query}, p99: the limit / Headgate`, P99_TO_LIMIT, Math.max(1, p99(query, 'limit')) / Math.max(1, p99(query, 'headgate'))),
  );
  return [...toPeer, ...toLimit, ...slowest];
}

export function overheadMarks(results: readonly OverheadResult[]): Mark[] {
  const of = (query: OverheadQuery, way: Way) => results.find((result) => result.query === query && result.way === way)?.requestsPerSecond ?? Number.NaN;
  return [
    ...(['flat', 'one'] as const).map((query) => mark(`${query}: masked / plain`, OVERHEAD, of(query, 'all') / of(query, 'unmasked'))),
    ...OVERHEAD_QUERIES.map((query) => mark(`${query}: strict audit / async`, OVERHEAD, of(query, 'all') / of(query, 'async'))),
  ];
}

export function loadMarks({ results }: LoadReport): Mark[] {
  const seconds = (load: string) => results.find((result) => result.load === load)?.seconds ?? Number.NaN;
  const peer = results.some(({ load }) => load === 'psql') ? 'psql' : 'copy';
  return results
    .filter(({ load }) => load !== 'copy' && load !== 'psql')
    .map(({ load, seconds: own }) => mark(`load, ${load}: Headgate / ${peer}`, LOAD, seconds(peer) / own));
}

export function mergeMarks({ results }: MergeReport): Mark[] {
  const seconds = (name: string) => results.find(({ merge }) => merge === name)?.seconds ?? Number.NaN;
  return [mark('merge: Headgate / the script', MERGE, seconds('script') / seconds('headgate'))];
}

export function exportMarks({ results }: ExportReport): Mark[] {
  const seconds = (name: string) => results.find((result) => result.export === name)?.seconds ?? Number.NaN;
  return [mark('export, csv: Headgate / COPY', EXPORT, seconds('copy') / seconds('csv'))];
}

function mark(what: string, atLeast: number, ratio: number): Mark {
  return { what, atLeast, ratio, met: ratio >= atLeast };
}
