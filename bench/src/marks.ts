import type { ExportReport } from './exports.ts';
import type { LoadReport } from './loads.ts';
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
/** Rows a second against a plain COPY's. */
const LOAD = 0.5;
/** Rows a second against a plain COPY's, as CSV. */
const EXPORT = 0.6;

export function readMarks(results: readonly ReadResult[]): Mark[] {
  const of = (query: QueryName, server: string) =>
    results.find((result) => result.query === query && result.server === server)?.requestsPerSecond ?? Number.NaN;
  const toPeer = (Object.keys(READS) as QueryName[]).map((query) =>
    mark(`${query}: Headgate / PostGraphile`, READS[query], of(query, 'headgate') / of(query, 'postgraphile')),
  );
  const toLimit = (['flat', 'nested'] as const).map((query) => mark(`${query}: Headgate / the limit`, TO_LIMIT, of(query, 'headgate') / of(query, 'limit')));
  return [...toPeer, ...toLimit];
}

export function loadMarks({ results }: LoadReport): Mark[] {
  const seconds = (load: string) => results.find((result) => result.load === load)?.seconds ?? Number.NaN;
  return results
    .filter(({ load }) => load !== 'copy' && load !== 'psql')
    .map(({ load, seconds: own }) => mark(`load, ${load}: Headgate / COPY`, LOAD, seconds('copy') / own));
}

export function exportMarks({ results }: ExportReport): Mark[] {
  const seconds = (name: string) => results.find((result) => result.export === name)?.seconds ?? Number.NaN;
  return [mark('export, csv: Headgate / COPY', EXPORT, seconds('copy') / seconds('csv'))];
}

function mark(what: string, atLeast: number, ratio: number): Mark {
  return { what, atLeast, ratio, met: ratio >= atLeast };
}
