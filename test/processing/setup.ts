import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { from as copyFrom } from 'pg-copy-streams';
import { createTestDatabase } from '../support/database.js';
import { openWorld, type World } from './rooms.js';

export { ANN, type World } from './rooms.js';

export async function createWorld(timeoutMs = 60_000): Promise<World> {
  const { connection, drop } = await createTestDatabase();
  const world = await openWorld(connection, timeoutMs);
  return {
    ...world,
    close: async () => {
      await world.close();
      await drop();
    },
  };
}

export const FLIGHTS = `
kind: Dataset
name: airports
fields:
  - { name: iata, type: text }
  - { name: name, type: text }
  - { name: city, type: text }
  - { name: state, type: text }
  - { name: country, type: text }
  - { name: latitude, type: float }
  - { name: longitude, type: float }
key: [iata]
---
kind: Dataset
name: flights
fields:
  - { name: date, type: timestamp }
  - { name: delay, type: integer }
  - { name: distance, type: integer }
  - { name: origin, type: text }
  - { name: destination, type: text }
`;

/** The real airports (3,376) and flights (20,000) of the vega-datasets package. */
export async function loadFlights({ database }: World): Promise<void> {
  const file = (name: string) => readFile(new URL(`../../node_modules/vega-datasets/data/${name}`, import.meta.url), 'utf8');
  const airports = await file('airports.csv');
  const flights = await file('flights-20k.json');
  await database.transaction(async (tx) => {
    await pipeline(
      Readable.from([airports]),
      tx.client.query(copyFrom('COPY data.airports (iata, name, city, state, country, latitude, longitude) FROM STDIN WITH (FORMAT csv, HEADER true)')),
    );
    await tx.query(
      `INSERT INTO data.flights (date, delay, distance, origin, destination)
       SELECT to_timestamp(date, 'YYYY/MM/DD HH24:MI'), delay, distance, origin, destination
       FROM jsonb_to_recordset($1::jsonb) AS f(date text, delay integer, distance integer, origin text, destination text)`,
      [flights],
    );
    await tx.query(
      "UPDATE headgate.dataset SET row_count = CASE name WHEN 'airports' THEN 3376 ELSE 20000 END, data_version = 1 WHERE name IN ('airports', 'flights')",
    );
  });
}
