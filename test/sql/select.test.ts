import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compileSelect, identifier, prepareParser, raw, render, type Select } from '../../src/sql/index.js';
import { createTestDatabase } from '../support/database.js';

const relations = new Map([
  [
    'flights',
    new Map([
      ['id', 'integer'],
      ['origin', 'text'],
      ['delay', 'numeric'],
      ['tags', 'text[]'],
      ['doc', 'jsonb'],
    ]),
  ],
  [
    'airports',
    new Map([
      ['iata', 'text'],
      ['city', 'text'],
      ['origin', 'text'],
    ]),
  ],
]);

let client: pg.Client;
let drop: () => Promise<void>;

beforeAll(async () => {
  await prepareParser();
  const created = await createTestDatabase();
  drop = created.drop;
  client = new pg.Client(created.connection);
  await client.connect();
  await client.query(`
    SET search_path = pg_catalog;
    CREATE TABLE data.flights (_rid bigint DEFAULT 7, id integer, origin text, delay numeric, tags text[], doc jsonb);
    CREATE TABLE data.airports (_rid bigint DEFAULT 7, iata text, city text, origin text);
    INSERT INTO data.flights (id, origin, delay, tags, doc) VALUES (1, 'BER', 10, '{a,b}', '[{"a": 1}]'), (2, 'BER', 20, '{b}', '[]'), (3, 'MUC', 5, '{}', '[{"a": 2}, {"a": 3}]');
    INSERT INTO data.airports (iata, city, origin) VALUES ('BER', 'Berlin', 'x'), ('MUC', 'Munich', 'y')`);
});

afterAll(async () => {
  await client?.end();
  await drop?.();
});

function compile(text: string): Select {
  return compileSelect(text, { relations });
}

async function run(text: string): Promise<unknown[]> {
  const statement = render(compile(text).toSql((relation) => identifier('data', relation)));
  return (await client.query({ text: statement.text, values: [...statement.values], rowMode: 'array' })).rows;
}

/** `delay <- flights.delay` for each output. */
function lineage(text: string): string[] {
  return compile(text).outputs.map(
    ({ name, sources }) =>
      `${name} <- ${
        sources === 'all'
          ? 'all'
          : sources
              .map(({ relation, column }) => `${relation}.${column}`)
              .toSorted()
              .join(', ')
      }`,
  );
}

describe('what it gives is what the query typed by hand gives', () => {
  test.each<[string, unknown[]]>([
    ['SELECT origin, avg(delay)::int AS delay, count(*) AS n FROM flights GROUP BY origin HAVING count(*) > 1 ORDER BY delay DESC LIMIT 5', [['BER', 15, '2']]],
    [
      'SELECT f.id, a.city FROM flights f JOIN airports a ON a.iata = f.origin WHERE f.delay > 5 ORDER BY f.id',
      [
        [1, 'Berlin'],
        [2, 'Berlin'],
      ],
    ],
    ["SELECT id, a.city FROM flights JOIN (SELECT iata AS origin, city FROM airports) a USING (origin) WHERE origin = 'MUC'", [[3, 'Munich']]],
    ['SELECT a.* FROM airports a WHERE EXISTS (SELECT 1 FROM flights WHERE origin = iata AND id = 3)', [['MUC', 'Munich', 'y']]],
    ['SELECT * FROM (SELECT id, delay FROM flights) x WHERE id = 1', [[1, '10']]],
    [
      'WITH late AS (SELECT id AS flight, delay + 1 AS minutes FROM flights WHERE delay >= 10) SELECT sum(minutes) AS s, max(flight) AS f FROM late',
      [['32', 2]],
    ],
    ['WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT n FROM r', [[1], [2], [3]]],
    ['WITH flights AS (SELECT 42 AS id) SELECT id FROM flights', [[42]]],
    ['SELECT origin AS x FROM flights UNION SELECT iata FROM airports ORDER BY x DESC', [['MUC'], ['BER']]],
    [
      'SELECT id, rank() OVER w AS r, sum(delay) OVER (w ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS s FROM flights WINDOW w AS (PARTITION BY origin ORDER BY delay) ORDER BY id',
      [
        [1, '1', '10'],
        [2, '2', '30'],
        [3, '1', '5'],
      ],
    ],
    [
      'SELECT f.id, t.tag FROM flights f, unnest(f.tags) AS t(tag) ORDER BY 1, 2',
      [
        [1, 'a'],
        [1, 'b'],
        [2, 'b'],
      ],
    ],
    ['SELECT id, tag FROM flights CROSS JOIN unnest(tags) AS tag WHERE id = 2', [[2, 'b']]],
    [
      'SELECT id, q.a AS a FROM flights, jsonb_to_recordset(doc) AS q(a int) ORDER BY a',
      [
        [1, 1],
        [3, 2],
        [3, 3],
      ],
    ],
    [
      'SELECT id, e.n AS n FROM flights, jsonb_array_elements(doc) WITH ORDINALITY AS e(v, n) WHERE id = 3',
      [
        [3, '1'],
        [3, '2'],
      ],
    ],
    ['SELECT n FROM generate_series(1, 2) AS n', [[1], [2]]],
    ['SELECT v.a + 1 AS a FROM (VALUES (1), (2)) AS v(a)', [[2], [3]]],
    ["SELECT f.id FROM flights f LEFT JOIN LATERAL (SELECT city FROM airports WHERE iata = f.origin LIMIT 1) c ON true WHERE c.city = 'Munich'", [[3]]],
    [
      'SELECT DISTINCT ON (origin) origin, id FROM flights ORDER BY origin, delay DESC',
      [
        ['BER', 2],
        ['MUC', 3],
      ],
    ],
    ['SELECT DISTINCT origin FROM flights ORDER BY origin', [['BER'], ['MUC']]],
    [
      'SELECT origin, count(*) AS n FROM flights GROUP BY ROLLUP (origin) ORDER BY n DESC, origin',
      [
        [null, '3'],
        ['BER', '2'],
        ['MUC', '1'],
      ],
    ],
    [
      "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY delay) AS p, string_agg(DISTINCT origin, ',' ORDER BY origin) AS s, sum(delay) FILTER (WHERE id > 1) AS z FROM flights",
      [[10, 'BER,MUC', '25']],
    ],
    ['SELECT origin AS id, max(delay) AS m FROM flights GROUP BY origin, id ORDER BY m DESC LIMIT 1 OFFSET 1', [['BER', '10']]],
    ['SELECT a, b FROM flights AS x(a, b) WHERE a = 1', [[1, 'BER']]],
    ['SELECT count(*) AS n FROM flights, airports', [['6']]],
    ['SELECT (SELECT max(city) FROM airports WHERE iata = f.origin) AS c FROM flights f WHERE id = 3', [['Munich']]],
    [
      'SELECT id FROM flights WHERE (delay, id) IN (SELECT delay, id FROM flights WHERE id = 2) AND delay > ALL (SELECT 1) AND NOT (id = ANY (ARRAY[1]))',
      [[2]],
    ],
    ['TABLE airports ORDER BY iata LIMIT 1;', [['BER', 'Berlin', 'x']]],
    ['SELECT a.id FROM flights a JOIN flights b USING (id) JOIN flights c USING (id) WHERE id = 1 AND a.delay + b.delay = 20', [[1]]],
    ['SELECT \'FROM flights _hg_relation_0\' AS x, "n"."a""b" AS y FROM (SELECT 1 AS "a""b") AS n', [['FROM flights _hg_relation_0', 1]]],
  ])('%s', async (text, rows) => expect(await run(text)).toEqual(rows));
});

describe('lineage', () => {
  test.each<[string, string[]]>([
    ['SELECT * FROM airports', ['iata <- airports.iata', 'city <- airports.city', 'origin <- airports.origin']],
    ['SELECT upper(city) || iata AS x, 1 AS one, count(*) OVER () AS n FROM airports', ['x <- airports.city, airports.iata', 'one <- ', 'n <- ']],
    ['SELECT id FROM flights WHERE delay > 5 ORDER BY origin', ['id <- flights.id']],
    ['SELECT CASE WHEN delay > 5 THEN id END AS x FROM flights', ['x <- flights.delay, flights.id']],
    ['WITH a AS (SELECT city AS c, iata FROM airports), b(x) AS (SELECT c || iata FROM a) SELECT x FROM b', ['x <- airports.city, airports.iata']],
    ['SELECT y.x FROM (SELECT z.x FROM (SELECT delay AS x, id AS u FROM flights) z) y', ['x <- flights.delay']],
    ['SELECT id FROM flights UNION ALL SELECT length(city) FROM airports', ['id <- airports.city, flights.id']],
    ['SELECT origin FROM flights JOIN airports USING (origin)', ['origin <- airports.origin, flights.origin']],
    ['SELECT (SELECT city FROM airports WHERE iata = f.origin) AS x FROM flights f', ['x <- airports.city, airports.iata, flights.origin']],
    ['SELECT EXISTS (SELECT 1 FROM airports WHERE city = f.origin) AS x FROM flights f', ['x <- airports.city, flights.origin']],
    ['SELECT sum(delay) OVER w AS x FROM flights WINDOW w AS (PARTITION BY origin)', ['x <- flights.delay, flights.origin']],
    [
      "SELECT sum(delay) FILTER (WHERE id > 1) AS x, string_agg(origin, ',' ORDER BY delay) AS y FROM flights",
      ['x <- flights.delay, flights.id', 'y <- flights.delay, flights.origin'],
    ],
    ['SELECT t.tag, e.value AS v FROM flights, unnest(tags) AS t(tag), jsonb_array_elements(doc) AS e', ['tag <- flights.tags', 'v <- flights.doc']],
    ['WITH RECURSIVE r(n) AS (SELECT id FROM flights UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT n, 1 AS one FROM r', ['n <- all', 'one <- ']],
    ['SELECT v.a FROM (VALUES ((SELECT max(city) FROM airports))) AS v(a)', ['a <- airports.city']],
    ['SELECT f.origin, a.origin AS o2 FROM flights f, airports a', ['origin <- flights.origin', 'o2 <- airports.origin']],
  ])('%s', (text, expected) => expect(lineage(text)).toEqual(expected));
});

/** What says which rows there are. */
function steering(text: string): string {
  const columns = compile(text).steering;
  return columns === 'all'
    ? 'all'
    : columns
        .map(({ relation, column }) => `${relation}.${column}`)
        .toSorted()
        .join(', ');
}

describe('steering', () => {
  test.each<[string, string]>([
    ['SELECT id, origin, upper(origin) AS u FROM flights', ''],
    ['SELECT count(*) AS n, sum(delay) OVER () AS s FROM flights, airports', ''],
    ['SELECT id FROM flights UNION ALL SELECT length(city) FROM airports', ''],
    ['SELECT id FROM flights LIMIT 1', ''],
    ['SELECT (SELECT city FROM airports WHERE iata = f.origin) AS x FROM flights f', ''],
    ['SELECT id FROM flights WHERE delay > 5', 'flights.delay'],
    ['SELECT id FROM flights WHERE EXISTS (SELECT 1 FROM airports WHERE city = origin)', 'airports.city, airports.origin'],
    [
      'SELECT id FROM flights f WHERE id IN (SELECT length(city) FROM airports WHERE iata = f.origin)',
      'airports.city, airports.iata, flights.id, flights.origin',
    ],
    ['SELECT f.id FROM flights f JOIN airports a ON a.iata = f.origin', 'airports.iata, flights.origin'],
    ['SELECT f.id FROM flights f LEFT JOIN airports a USING (origin)', 'airports.origin, flights.origin'],
    [
      'SELECT a.iata FROM airports a, generate_series(1, 9) AS i JOIN generate_series(65, 90) AS c ON true WHERE substr(a.city, i, 1) = chr(c)',
      'airports.city',
    ],
    ['SELECT a.iata FROM airports a, generate_series(1, length(a.city)) AS i', 'airports.city'],
    ['SELECT f.id FROM flights f, unnest(f.tags) AS t(tag)', 'flights.tags'],
    ['SELECT f.id FROM flights f CROSS JOIN LATERAL (SELECT 1 AS one FROM airports WHERE iata = f.origin) AS x', 'airports.iata, flights.origin'],
    ['SELECT count(*) AS n FROM flights GROUP BY origin', 'flights.origin'],
    ['SELECT origin AS o, delay AS d, count(*) AS n FROM flights GROUP BY 1, d', 'flights.delay, flights.origin'],
    ['SELECT origin AS o, delay AS d, count(*) AS n FROM flights GROUP BY (1, 2)', 'flights.delay, flights.origin'],
    ['SELECT origin AS o, count(*) AS n FROM flights GROUP BY ROLLUP (1)', 'flights.origin'],
    ['SELECT count(*) AS n FROM flights HAVING max(delay) > 3', 'flights.delay'],
    ['SELECT id FROM flights ORDER BY delay LIMIT 1', 'flights.delay'],
    ['SELECT id, delay + 1 AS d FROM flights ORDER BY d', 'flights.delay'],
    ['SELECT id, delay + 1 AS d FROM flights ORDER BY 2 DESC', 'flights.delay'],
    ['SELECT id FROM flights WINDOW w AS (PARTITION BY origin ORDER BY delay) ORDER BY rank() OVER w', 'flights.delay, flights.origin'],
    ['SELECT DISTINCT id, origin FROM flights', 'flights.id, flights.origin'],
    ['SELECT DISTINCT ON (origin) id FROM flights ORDER BY origin, delay', 'flights.delay, flights.origin'],
    ['SELECT id FROM flights UNION SELECT length(city) FROM airports', 'airports.city, flights.id'],
    ['SELECT id FROM flights EXCEPT ALL SELECT length(city) FROM airports', 'airports.city, flights.id'],
    ['SELECT id, delay AS d FROM flights UNION ALL SELECT 1, 2 FROM airports WHERE city = iata ORDER BY d', 'airports.city, airports.iata, flights.delay'],
    ['SELECT id, delay AS d FROM flights UNION ALL SELECT 1, 2 ORDER BY 2', 'flights.delay'],
    ['SELECT x.id, row_number() OVER () AS n FROM (SELECT id FROM flights ORDER BY delay) AS x', 'flights.delay'],
    ['WITH late AS (SELECT id FROM flights WHERE delay > 5) SELECT count(*) AS n FROM late', 'flights.delay'],
    ['WITH late AS (SELECT id FROM flights WHERE delay > 5) SELECT city FROM airports WHERE EXISTS (SELECT 1 FROM late)', 'flights.delay'],
    ['WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT 1 AS one FROM r', 'all'],
  ])('%s <- %s', (text, expected) => expect(steering(text)).toEqual(expected));

  test.each<[string, string]>([
    ['WITH late AS (SELECT id FROM flights WHERE delay > 5) SELECT iata, (SELECT count(*) FROM late) AS n FROM airports', 'flights.delay'],
    ['SELECT iata, (SELECT count(*) FROM flights JOIN airports USING (origin)) AS n FROM airports', 'airports.origin, flights.origin'],
    ['SELECT 1 AS iata, (SELECT count(*) FROM (SELECT 1 AS one FROM flights GROUP BY (SELECT max(city) FROM airports)) AS x) AS n', 'airports.city'],
  ])('what steers the rows behind a value is a source of the value alone: %s', (text, expected) => {
    expect(lineage(text)[1]).toBe(`n <- ${expected}`);
    expect(steering(text)).toBe('');
  });
});

test('reads names each relation and the columns that are named anywhere in the query', () => {
  const { reads } = compile("SELECT f.id FROM flights f, airports a WHERE a.city = 'x' AND f.delay > 1 ORDER BY f.origin");
  expect(reads).toEqual(
    new Map([
      ['flights', new Set(['delay', 'id', 'origin'])],
      ['airports', new Set(['city'])],
    ]),
  );
  expect(compile('SELECT count(*) AS n FROM flights').reads).toEqual(new Map([['flights', new Set()]]));
});

test('a query says when it depends on the moment', () => {
  expect(compile('SELECT id FROM flights WHERE now() > current_date').usesTime).toBe(true);
  expect(compile('SELECT id FROM flights').usesTime).toBe(false);
});

test('a table that is put into a hole can not be hidden by a name of the user', async () => {
  const text = 'WITH step AS (SELECT 666 AS id), flights2 AS (SELECT 1 AS x) SELECT step.id AS a, f.id AS b FROM flights f, step WHERE f.id = 1';
  const statement = render(compile(text).toSql(() => raw('step')));
  const { rows } = await client.query(`WITH step AS (SELECT id, origin FROM data.flights) ${statement.text.replace(/^WITH /, ', ')}`);
  expect(rows).toEqual([{ a: 666, b: 1 }]);
});

test('errors say what to do', () => {
  expect(() => compile('SELECT count(*) FROM flights')).toThrow('this output column has no name; give it one with AS (at character 8)');
  expect(() => compile('SELECT * FROM flights, airports')).toThrow(
    'two output columns are called "origin"; name one of them otherwise with AS, or list the columns instead of "*"',
  );
  expect(() => compile('SELECT origin FROM flights, airports')).toThrow('"origin" could be a column of more than one table; say of which, as in t.origin');
  expect(() => compile('SELECT id FROM fligths')).toThrow(
    'there is no dataset or step "fligths" to select from; these are: flights, airports (at character 16)',
  );
  expect(() => compile('SELECT flights.idd FROM flights')).toThrow('there is no column "flights.idd"; these are: flights.id, flights.origin');
});
