import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { HeadgateError } from '../../kernel/index.js';
import type { Client } from '../client.js';
import { readManifests } from '../manifest-files.js';
import type { RunAnswer } from '../run-lines.js';
import { bookingLines, flightLines, passengerLines, type FileFlight } from './generate.js';

interface Load {
  readonly dataset: string;
  readonly format: 'csv' | 'ndjson';
  readonly lines: () => Iterable<string>;
}

/** Beside the compiled program, or, when the TypeScript runs as it is, at the top of the project. */
const MANIFESTS = ['../../../../examples/demo', '../../../examples/demo'].map((folder) => join(import.meta.dirname, folder));

/**
 * Brings the demo in, through the same routes as anybody's manifests and files. What is there already is left as it is:
 * also what somebody changed in it.
 */
export async function loadDemo(client: Client, say: (line: string) => void): Promise<void> {
  const found = await rowCounts(client);
  const data = await demoData();
  if (data.some(({ dataset }) => !found.has(dataset))) {
    const folder = MANIFESTS.find((candidate) => existsSync(candidate));
    if (folder === undefined) throw new HeadgateError('NOT_FOUND', 'The manifests of the demo (examples/demo) are not where the program is. Install it anew.');
    const files = await readManifests([folder]);
    await client.json('/manifests', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ files }) });
    say('demo: manifests applied');
  }
  for (const { dataset, format, lines } of data) {
    const rows = found.get(dataset) ?? 0;
    if (rows > 0) {
      say(`demo: ${dataset} is there (${rows} rows)`);
      continue;
    }
    const run = await client.json<RunAnswer>(`/ingest/${dataset}?mode=append&format=${format}`, {
      method: 'POST',
      headers: { 'content-type': 'application/octet-stream', 'idempotency-key': `demo-${dataset}` },
      body: Readable.from(inChunks(lines())),
    });
    say(`demo: ${dataset} loaded (${run.rowsLoaded} rows)`);
  }
}

async function demoData(): Promise<Load[]> {
  // The package exports only its program; its data are beside that.
  const folder = fileURLToPath(new URL('../data/', import.meta.resolve('vega-datasets')));
  const flights = JSON.parse(await readFile(join(folder, 'flights-20k.json'), 'utf8')) as FileFlight[];
  const airports = await readFile(join(folder, 'airports.csv'), 'utf8');
  return [
    { dataset: 'airports', format: 'csv', lines: () => [airports] },
    { dataset: 'flights', format: 'ndjson', lines: () => flightLines(flights) },
    { dataset: 'passengers', format: 'csv', lines: passengerLines },
    { dataset: 'bookings', format: 'csv', lines: () => bookingLines(flights) },
  ];
}

async function rowCounts(client: Client): Promise<ReadonlyMap<string, number>> {
  const { datasets } = await client.graphql<{ datasets: { nodes: { name: string; rowCount: string | null }[] } }>(
    '{ datasets(first: 1000) { nodes { name rowCount } } }',
  );
  return new Map(datasets.nodes.map(({ name, rowCount }) => [name, Number(rowCount ?? 0)]));
}

/** One write for many lines. */
function* inChunks(lines: Iterable<string>): Generator<Buffer> {
  let chunk = '';
  for (const line of lines) {
    chunk += line;
    if (chunk.length < 65_536) continue;
    yield Buffer.from(chunk);
    chunk = '';
  }
  if (chunk !== '') yield Buffer.from(chunk);
}
