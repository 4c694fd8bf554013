import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dataset, install, setup, type LoadSetup } from './setup.js';

const FLIGHTS = join(import.meta.dirname, '../../node_modules/vega-datasets/data/flights-3m.parquet');
let it: LoadSetup;

beforeAll(async () => {
  it = await setup();
});

afterAll(() => it?.close());

test('three million flights of a Parquet file land, each once', async () => {
  const flights = dataset('flights_3m', [
    { name: 'date', type: 'timestamp' },
    { name: 'delay', type: 'bigint' },
    { name: 'distance', type: 'integer' },
    { name: 'origin', type: 'text' },
    { name: 'destination', type: 'text' },
  ]);
  await install(it.database, flights);
  const began = performance.now();
  const outcome = await it.load(flights, '', { format: 'parquet', source: { stream: createReadStream(FLIGHTS) } });
  console.log(performance.now() - began, process.memoryUsage().rss / 1e6);
  expect(outcome).toMatchObject({ read: 3_000_000, loaded: 3_000_000, quarantined: 0 });
  console.log(await it.database.query('SELECT * FROM data.flights_3m LIMIT 3'));
});
