import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLog } from '../../src/kernel/index.js';
import { Pipelines } from '../../src/processing/index.js';
import { ANN, createWorld, FLIGHTS, loadFlights, type World } from './setup.js';

let world: World;
beforeAll(async () => {
  world = await createWorld();
  await world.apply(FLIGHTS);
  await loadFlights(world);
});
afterAll(async () => {
  await world?.close();
});

const DELAYS = `
kind: Pipeline
name: delays
description: How late flights leave, by airport.
steps:
  - { name: late, transform: { from: flights, filter: 'delay > 0', derive: { hours: 'delay / 60.0' }, select: [origin, delay, hours] } }
  - { name: by_origin, aggregate: { from: late, groupBy: [origin], measures: { flights: count(*), average_delay: avg(delay), hours: sum(hours) } } }
  - { name: named, sql: 'SELECT b.origin, a.city, b.flights, b.average_delay, b.hours FROM by_origin AS b JOIN airports AS a ON a.iata = b.origin' }
  - { publish: { to: delays_by_airport, mode: replace, key: [origin], typeName: AirportDelays, description: Delays of an airport. } }
`;

test('a pipeline makes a dataset from real data, and says what it did', async () => {
  await world.apply(DELAYS);
  const run = await world.run('delays');
  expect(run).toMatchObject({ status: 'SUCCEEDED', kind: 'PIPELINE', pipeline: 'delays', dataset: 'delays_by_airport', errorCode: null });

  const expected = await world.database.query(
    `SELECT f.origin, a.city, count(*) AS flights, avg(f.delay) AS average_delay FROM data.flights f JOIN data.airports a ON a.iata = f.origin
     WHERE delay > 0 GROUP BY 1, 2 ORDER BY 1`,
  );
  expect(await world.database.query('SELECT origin, city, flights, average_delay FROM data.delays_by_airport ORDER BY origin')).toEqual(expected);
  expect(run).toMatchObject({ rowsRead: String(expected.length), rowsLoaded: String(expected.length), rowsDeduplicated: '0' });

  const output = await world.dataset('delays_by_airport');
  expect(output).toMatchObject({ typeName: 'AirportDelays', description: 'Delays of an airport.', key: ['origin'], producedBy: 'delays' });
  expect(output.fields.map(({ name, type, required }) => [name, type, required])).toEqual([
    ['origin', 'text', true],
    ['city', 'text', false],
    ['flights', 'bigint', false],
    ['average_delay', 'decimal', false],
    ['hours', 'decimal', false],
  ]);

  const [steps] = await world.runs.stepsOf([run.id]);
  const rows = String(expected.length);
  expect(steps?.map(({ name, kind, status, rowsIn, rowsOut }) => [name, kind, status, rowsIn, rowsOut])).toEqual([
    ['late', 'transform', 'SUCCEEDED', '20000', null],
    ['by_origin', 'aggregate', 'SUCCEEDED', null, null],
    ['named', 'sql', 'SUCCEEDED', '3376', rows],
    ['publish', 'publish', 'SUCCEEDED', rows, rows],
  ]);
  expect(steps?.[1]?.statement).toMatch(/GROUP BY/);

  const [state] = await world.database.query("SELECT stage, data_version, row_count FROM headgate.dataset WHERE name = 'delays_by_airport'");
  expect(state).toEqual({ stage: 'ACCESS', data_version: '1', row_count: rows });
  expect(await world.database.query('SELECT row_count, score FROM headgate.quality_report WHERE run_id = $1', [run.id])).toEqual([
    { row_count: rows, score: 1 },
  ]);
  expect(await world.database.query("SELECT relname FROM pg_class WHERE relnamespace = 'work'::regnamespace")).toEqual([]);
});

test('what was read, by whom, is in the audit with the fields', async () => {
  const run = await world.run('delays');
  const entries = await world.database.query(
    "SELECT principal, roles, action, dataset, fields, decision FROM headgate.audit_record WHERE details->>'run' = $1 ORDER BY action, dataset",
    [run.id],
  );
  expect(entries).toEqual([
    { principal: 'ann', roles: ['engineer'], action: 'pipeline.read', dataset: 'airports', fields: ['city', 'iata'], decision: 'ALLOWED' },
    {
      principal: 'ann',
      roles: ['engineer'],
      action: 'pipeline.read',
      dataset: 'flights',
      fields: expect.arrayContaining(['delay', 'origin']),
      decision: 'ALLOWED',
    },
    { principal: 'ann', roles: ['engineer'], action: 'pipeline.run', dataset: 'delays_by_airport', fields: [], decision: 'ALLOWED' },
    { principal: 'ann', roles: ['engineer'], action: 'pipeline.start', dataset: 'delays_by_airport', fields: [], decision: 'ALLOWED' },
  ]);
});

test('every key of a transform does what it says', async () => {
  await world.apply(`
kind: Pipeline
name: shapes
steps:
  - name: shaped
    transform:
      from: flights
      derive: { far: 'distance > 1000', delay: 'coalesce(delay, 0)' }
      filter: "far AND origin LIKE 'A%'"
      cast: { distance: decimal }
      rename: { distance: miles }
      select: [origin, miles, delay]
      deduplicate: [origin]
      sort: [delay desc]
      limit: 5
  - { publish: { to: shapes } }
`);
  const run = await world.run('shapes');
  expect(run).toMatchObject({ status: 'SUCCEEDED', rowsLoaded: '5' });
  const expected = await world.database.query(
    `SELECT * FROM (SELECT DISTINCT ON (origin) origin, distance::numeric AS miles, coalesce(delay, 0) AS delay FROM data.flights
       WHERE distance > 1000 AND origin LIKE 'A%' ORDER BY origin, delay DESC, origin, distance) q ORDER BY delay DESC, origin LIMIT 5`,
  );
  expect(await world.database.query('SELECT origin, miles, delay FROM data.shapes ORDER BY delay DESC, origin')).toEqual(expected);
});

test('append adds, merge changes what is other and leaves what is the same', async () => {
  await world.apply(`
kind: Dataset
name: prices
fields: [{ name: id, type: integer }, { name: price, type: integer }]
---
kind: Pipeline
name: log_prices
steps: [{ name: all, transform: { from: prices, select: [id, price] } }, { publish: { to: price_log, mode: append } }]
---
kind: Pipeline
name: current_prices
steps: [{ name: all, transform: { from: prices, select: [id, price] } }, { publish: { to: price_now, mode: merge, key: [id] } }]
`);
  await world.database.query('INSERT INTO data.prices (id, price) VALUES (1, 10), (2, 20)');
  await world.run('log_prices');
  await world.run('current_prices');
  await world.database.query('DELETE FROM data.prices WHERE id = 1');
  await world.database.query('UPDATE data.prices SET price = 25 WHERE id = 2');
  await world.database.query('INSERT INTO data.prices (id, price) VALUES (3, 30)');
  await world.run('log_prices');
  expect(await world.run('current_prices')).toMatchObject({ rowsRead: '2', rowsLoaded: '2', rowsDeduplicated: '0' });
  expect(await world.run('current_prices')).toMatchObject({ rowsRead: '2', rowsLoaded: '0', rowsDeduplicated: '2' });
  expect(await world.database.query('SELECT id, price FROM data.price_now ORDER BY id')).toEqual([
    { id: 1, price: 10 },
    { id: 2, price: 25 },
    { id: 3, price: 30 },
  ]);
  expect(await world.database.query("SELECT name, row_count FROM headgate.dataset WHERE name LIKE 'price\\_%' ORDER BY name")).toEqual([
    { name: 'price_log', row_count: '4' },
    { name: 'price_now', row_count: '3' },
  ]);
});

test('a large result is exchanged as a table, with its key and rights', async () => {
  await world.apply(`
kind: Pipeline
name: copy_flights
steps:
  - { name: numbered, sql: 'SELECT row_number() OVER (ORDER BY date, origin, destination, distance, delay) AS n, * FROM flights' }
  - { publish: { to: numbered_flights, key: [n] } }
`);
  await world.run('copy_flights');
  expect(await world.run('copy_flights')).toMatchObject({ status: 'SUCCEEDED', rowsLoaded: '20000' });
  expect(await world.database.reader.query({ name: 'n', text: 'SELECT count(*) FROM data.numbered_flights WHERE n = 7', values: [] })).toEqual([['1']]);
  expect(await world.database.query("SELECT indexname FROM pg_indexes WHERE schemaname = 'data' AND tablename = 'numbered_flights'")).toEqual([
    { indexname: 'numbered_flights__key' },
  ]);
});

test.for([
  ['a division by zero', 'SELECT origin, 1 / (distance - distance) AS x FROM flights', '22012'],
  ['a text that is no number', 'SELECT origin, CAST(origin AS integer) AS x FROM flights', '22P02'],
])('%s fails the run, names the step, shows no value, and leaves the dataset as it was', async ([, sql, sqlState], { expect: check }) => {
  await world.apply(`
kind: Pipeline
name: broken
steps:
  - { name: fine, transform: { from: flights, select: [origin, distance] } }
  - { name: bad_step, sql: "${sql?.replace('flights', 'fine')}" }
  - { publish: { to: broken } }
`);
  await world.database.query("INSERT INTO data.broken (origin, x) VALUES ('KEPT', 1)");
  const run = await world.run('broken');
  check(run).toMatchObject({ status: 'FAILED', errorCode: 'DATA_REJECTED', errorDetails: { step: 'bad_step', sqlState } });
  check(run.errorMessage).not.toMatch(/LAX|ABQ|"/);
  check(await world.database.query('SELECT origin FROM data.broken')).toEqual([{ origin: 'KEPT' }]);
  check(await world.database.query("SELECT relname FROM pg_class WHERE relnamespace = 'work'::regnamespace")).toEqual([]);
  const [entry] = await world.database.query(
    "SELECT action, decision, details->>'code' AS code FROM headgate.audit_record WHERE details->>'run' = $1 AND action = 'pipeline.run'",
    [run.id],
  );
  check(entry).toEqual({ action: 'pipeline.run', decision: 'FAILED', code: 'DATA_REJECTED' });
  await world.database.query('DELETE FROM data.broken');
});

test('two rows with one key fail the run', async () => {
  await world.apply(`
kind: Pipeline
name: doubled
steps: [{ name: all, transform: { from: flights, select: [origin, destination] } }, { publish: { to: doubled, key: [origin] } }]
`);
  expect(await world.run('doubled')).toMatchObject({ status: 'FAILED', errorCode: 'DATA_REJECTED', errorDetails: { step: 'publish', sqlState: '23505' } });
});

test('a run that is cancelled ends its statement, and one that takes too long fails', async () => {
  await world.apply(`
kind: Pipeline
name: endless
steps:
  - { name: pairs, sql: 'SELECT count(*) AS n FROM flights a, flights b, flights c WHERE a.delay + b.delay + c.delay = 100000' }
  - { publish: { to: endless } }
`);
  const { id } = await world.pipelines.run('endless', ANN);
  const done = world.pipelines.perform(id, new AbortController().signal);
  await expect
    .poll(() => world.database.query("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'CREATE UNLOGGED%' AND state = 'active'"), { timeout: 10_000 })
    .toHaveLength(1);
  await world.runs.cancel(id);
  await done;
  expect(await world.runs.get(id)).toMatchObject({ status: 'CANCELLED' });
  const impatient = new Pipelines({ ...world, log: silentLog, timeoutMs: 200 });
  const { id: late } = await impatient.run('endless', ANN);
  await impatient.perform(late, new AbortController().signal);
  expect(await world.runs.get(late)).toMatchObject({ status: 'FAILED', errorCode: 'TIMEOUT' });
  expect(
    await world.database.query("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'CREATE UNLOGGED%' AND state = 'active' AND pid <> pg_backend_pid()"),
  ).toEqual([]);
});

test('there is no run of a pipeline that is not there', async () => {
  await expect(world.pipelines.run('nothing', ANN)).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('pipelines are listed with their steps, inputs and output', async () => {
  const delays = await world.pipelines.find('delays');
  expect(delays).toMatchObject({
    description: 'How late flights leave, by airport.',
    inputs: ['airports', 'flights'],
    output: 'delays_by_airport',
    updatedBy: 'ann',
  });
  expect(delays?.steps.map(({ name, kind }) => [name, kind])).toEqual([
    ['late', 'transform'],
    ['by_origin', 'aggregate'],
    ['named', 'sql'],
    ['publish', 'publish'],
  ]);
});

test('what an attempt computed before the pipeline was changed is not published', async () => {
  const made = (value: string) =>
    `kind: Pipeline\nname: stale\nsteps:\n  - { name: s, sql: "SELECT ${value} AS x FROM flights LIMIT 1" }\n  - { publish: { to: stale } }\n`;
  await world.apply(made("'old'"));
  const compiled = await world.run('stale');
  const [[step] = []] = await world.runs.stepsOf([compiled.id]);
  const rows = () => world.database.query('SELECT x FROM data.stale');

  /** A second attempt at a run whose first ended between computing and publishing. */
  const resume = async () => {
    const { id } = await world.pipelines.run('stale', ANN);
    await world.database.query('UPDATE headgate.run SET attempt = 1 WHERE id = $1', [id]);
    await world.database.query(`CREATE UNLOGGED TABLE work.pipeline_${id.replaceAll('-', '')} AS SELECT 'left over' AS x`);
    await world.database.query(
      `INSERT INTO headgate.run_step (run_id, position, name, kind, status, attempt, rows_out, statement) VALUES ($1, 0, 's', 'sql', 'SUCCEEDED', 1, 1, $2)`,
      [id, step?.statement],
    );
    await world.pipelines.perform(id, new AbortController().signal);
    expect(await world.runs.get(id)).toMatchObject({ status: 'SUCCEEDED', attempt: 2 });
  };
  await resume();
  expect(await rows()).toEqual([{ x: 'left over' }]);
  await world.apply(made("'new'"));
  await resume();
  expect(await rows()).toEqual([{ x: 'new' }]);
});
