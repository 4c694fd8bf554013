import { exportTitles, type ExportReport } from './exports.ts';
import { loadTitles, type LoadReport, type MemoryResult } from './loads.ts';
import type { Machine } from './machine.ts';
import { mergeTitles, type MergeReport } from './merges.ts';
import type { Mark } from './marks.ts';
import type { Options } from './options.ts';
import { OVERHEAD_QUERIES, wayTitles, type OverheadResult } from './overheads.ts';
import { parquetTitles, type ParquetReport } from './parquet.ts';
import { queries } from './queries.ts';
import type { ReadResult } from './reads.ts';

export interface Report {
  readonly machine: Machine;
  readonly options: Omit<Options, 'json' | 'parts'>;
  readonly reads?: readonly ReadResult[];
  readonly overheads?: readonly OverheadResult[];
  readonly loads?: LoadReport;
  readonly merges?: MergeReport;
  readonly parquet?: ParquetReport;
  readonly exports?: ExportReport;
  readonly marks: readonly Mark[];
}

const MB = 1_000_000;

/** The report as text, in Markdown's tables. */
export function textOf(report: Report): string {
  const { machine, reads, overheads, loads, merges, parquet, exports, marks } = report;
  const versions = Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`);
  return [
    `${machine.cores} cores of ${machine.processor}, ${whole(machine.memoryBytes / MB / 1000)} GB, ${machine.system}`,
    versions.join(', '),
    ...(reads ? readLines(reads, report) : []),
    ...(overheads ? overheadLines(overheads, report) : []),
    ...(loads ? loadLines(loads, report) : []),
    ...(merges ? mergeLines(merges) : []),
    ...(parquet ? parquetLines(parquet) : []),
    ...(exports ? exportLines(exports, report) : []),
    '',
    ...table(
      ['mark', 'at least', 'ratio', 'met'],
      // Of what was not measured there is nothing to say.
      marks.filter(({ ratio }) => !Number.isNaN(ratio)).map(({ what, atLeast, ratio, met }) => [what, `${atLeast}x`, times(ratio), met ? 'yes' : 'NO']),
    ),
  ].join('\n');
}

function readLines(reads: readonly ReadResult[], { options }: Report): string[] {
  const lines = [
    '',
    `Reads: ${whole(options.customers)} customers, ${whole(options.customers * 10)} orders, ${options.connections} connections, median of ${options.rounds} rounds of ${options.seconds} s each`,
  ];
  for (const query of options.queries) {
    const own = reads.filter((result) => result.query === query);
    const rate = (server: string) => own.find((result) => result.server === server)?.requestsPerSecond ?? Number.NaN;
    lines.push(
      '',
      `${query}: ${queries[query].title}`,
      ...table(
        ['server', 'requests/s', 'p50 ms', 'p99 ms', 'rows answered', 'to PostGraphile', 'to the limit', 'rounds'],
        own.map(({ server, requestsPerSecond, p50, p99, rows, rounds }) => [
          server,
          whole(requestsPerSecond),
          String(p50),
          String(p99),
          whole(rows),
          times(requestsPerSecond / rate('postgraphile')),
          times(requestsPerSecond / rate('limit')),
          rounds.map(whole).join(' '),
        ]),
      ),
    );
  }
  return lines;
}

function mergeLines({ rows, base, results }: MergeReport): string[] {
  const script = results.find(({ merge }) => merge === 'script')?.seconds ?? Number.NaN;
  return [
    '',
    `Merges: ${whole(rows)} rows into ${whole(base)}, nine in ten of them changes, median of ${results[0]?.rounds.length ?? 0} rounds`,
    '',
    ...table(
      ['by', 'seconds', 'rows/s', 'to the script', 'rounds'],
      results.map(({ merge, seconds, rounds }) => [
        mergeTitles[merge],
        seconds.toFixed(2),
        whole(rows / seconds),
        times(script / seconds),
        rounds.map((each) => each.toFixed(2)).join(' '),
      ]),
    ),
  ];
}

function parquetLines({ file, rows, results, memory }: ParquetReport): string[] {
  const script = results.find(({ parquet }) => parquet === 'script')?.seconds ?? Number.NaN;
  return [
    '',
    `Parquet: the ${whole(rows)} rows of ${file}, median of ${results[0]?.rounds.length ?? 0} rounds`,
    '',
    ...table(
      ['by', 'seconds', 'rows/s', 'to the script', 'rounds'],
      results.map(({ parquet, seconds, rounds }) => [
        parquetTitles[parquet],
        seconds.toFixed(2),
        whole(rows / seconds),
        times(script / seconds),
        rounds.map((each) => each.toFixed(2)).join(' '),
      ]),
    ),
    ...memoryLines('load', memory),
  ];
}

function overheadLines(results: readonly OverheadResult[], { options }: Report): string[] {
  const lines = ['', `What masks and strict audit cost, on the same data: median of ${options.rounds} rounds of ${options.seconds} s each`];
  for (const query of OVERHEAD_QUERIES.filter((one) => options.queries.includes(one))) {
    const own = results.filter((result) => result.query === query);
    const all = own.find(({ way }) => way === 'all')?.requestsPerSecond ?? Number.NaN;
    lines.push(
      '',
      `${query}: ${queries[query].title}`,
      ...table(
        ['Headgate with', 'requests/s', 'p50 ms', 'p99 ms', 'all / this', 'rounds'],
        own.map(({ way, requestsPerSecond, p50, p99, rounds }) => [
          wayTitles[way],
          whole(requestsPerSecond),
          String(p50),
          String(p99),
          times(all / requestsPerSecond),
          rounds.map(whole).join(' '),
        ]),
      ),
    );
  }
  return lines;
}

function loadLines({ rows, bytes, results, memory }: LoadReport, { options }: Report): string[] {
  const copy = results.find(({ load }) => load === 'copy')?.seconds ?? Number.NaN;
  const psql = results.find(({ load }) => load === 'psql')?.seconds;
  return [
    '',
    `Loads: ${whole(rows)} rows x 8 columns, ${whole(bytes / MB)} MB of CSV, median of ${options.loadRounds} rounds`,
    ...table(
      ['way', 'seconds', 'rows/s', 'to COPY', ...(psql === undefined ? [] : ['to psql']), 'rounds'],
      results.map(({ load, seconds, rounds }) => [
        loadTitles[load],
        seconds.toFixed(2),
        whole(rows / seconds),
        times(copy / seconds),
        ...(psql === undefined ? [] : [times(psql / seconds)]),
        rounds.map((round) => round.toFixed(2)).join(' '),
      ]),
    ),
    ...memoryLines('load', memory),
  ];
}

function exportLines({ rows, results, memory }: ExportReport, { options }: Report): string[] {
  const copy = results.find((result) => result.export === 'copy')?.seconds ?? Number.NaN;
  return [
    '',
    `Exports: ${whole(rows)} rows x 8 columns, median of ${options.loadRounds} rounds`,
    ...table(
      ['way', 'MB', 'seconds', 'rows/s', 'to COPY', 'rounds'],
      results.map(({ export: name, bytes, seconds, rounds }) => [
        exportTitles[name],
        bytes > 0 ? whole(bytes / MB) : '',
        seconds.toFixed(2),
        whole(rows / seconds),
        times(copy / seconds),
        rounds.map((round) => round.toFixed(2)).join(' '),
      ]),
    ),
    ...memoryLines('export', memory),
  ];
}

function memoryLines(act: string, memory: readonly MemoryResult[]): string[] {
  return [
    '',
    `Memory: the most that Headgate's process held (peak RSS), a process of its own for each ${act}`,
    ...table(
      ['rows', 'MB of the file', 'MB when ready', 'MB at its peak'],
      memory.map(({ rows: count, bytes: size, readyRssBytes, peakRssBytes, what }) => [
        `${whole(count)}${what ? ` ${what}` : ''}`,
        whole(size / MB),
        whole(readyRssBytes / MB),
        whole(peakRssBytes / MB),
      ]),
    ),
  ];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(' | ')} |`;
  return [line(head), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...rows.map(line)];
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function times(value: number): string {
  return `${value.toFixed(2)}x`;
}
