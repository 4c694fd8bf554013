import { Shop } from './shop.ts';
import { median } from './statistics.ts';

/**
 * Ways to have PostgreSQL write a page of rows as JSON: what the read path's choice between them rests on. One session, a
 * prepared statement, 100 rows x 7 fields; milliseconds a statement, measured in turns.
 */
const PAGE = `(SELECT id, name, email, birth_date, country, city, tier FROM data.customers WHERE country = $1 AND tier = $2 ORDER BY id LIMIT 100) AS p`;
const OBJECT = `json_build_object('id', p.id::text, 'name', p.name, 'email', p.email, 'birthDate', p.birth_date, 'country', p.country, 'city', p.city, 'tier', p.tier)`;
const ROW = `CROSS JOIN LATERAL (SELECT p.id::text AS id, p.name AS name, p.email AS email, p.birth_date AS "birthDate", p.country AS country, p.city AS city, p.tier AS tier) AS n`;

const SHAPES: Readonly<Record<string, string>> = {
  'json_agg(json_build_object(...))': `SELECT json_agg(${OBJECT})::text FROM ${PAGE}`,
  'json_agg(row_to_json(n))': `SELECT json_agg(row_to_json(n))::text FROM ${PAGE} ${ROW}`,
  'json_agg(n)': `SELECT json_agg(n)::text FROM ${PAGE} ${ROW}`,
};

const ROUNDS = 15;
const RUNS = 200;

const shop = await Shop.open();
try {
  const headgate = await shop.serve('headgate');
  await shop.apply(headgate);
  await shop.fill(headgate, 8000);
  await shop.dismiss(headgate);
  const client = await shop.database.connect();
  const times = new Map<string, number[]>(Object.keys(SHAPES).map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, text] of Object.entries(SHAPES)) {
      const began = performance.now();
      for (let run = 0; run < RUNS; run++) await client.query({ name, text, values: ['DE', 'gold'] });
      times.get(name)?.push((performance.now() - began) / RUNS);
    }
  }
  client.release();
  for (const [name, rounds] of times) console.log(`${name.padEnd(34)} ${median(rounds).toFixed(3)} ms`);
} finally {
  await shop.close();
}
