import { afterAll, beforeAll, expect, test } from 'vitest';
import pg from 'pg';
import { AGGREGATES, FUNCTIONS, OPERATORS, ROW_FUNCTIONS, TYPES, WINDOW_FUNCTIONS } from '../../src/sql/allowed.js';
import { createTestDatabase } from '../support/database.js';

let client: pg.Client;
let drop: () => Promise<void>;

beforeAll(async () => {
  const created = await createTestDatabase();
  drop = created.drop;
  client = new pg.Client(created.connection);
  await client.connect();
});

afterAll(async () => {
  await client?.end();
  await drop?.();
});

async function functionsOf(names: ReadonlySet<string>): Promise<{ name: string; volatility: string; kind: string; rows: boolean }[]> {
  const { rows } = await client.query<{ name: string; volatility: string; kind: string; rows: boolean }>(
    `SELECT proname AS name, provolatile AS volatility, prokind AS kind, proretset AS rows FROM pg_proc
     WHERE pronamespace = 'pg_catalog'::regnamespace AND proname = ANY ($1)`,
    [[...names]],
  );
  expect(new Set(rows.map((row) => row.name)), 'each is a function of PostgreSQL').toEqual(new Set(names));
  return rows;
}

test('every allowed function, under all its signatures, is immutable or stable and gives one value', async () => {
  const rows = await functionsOf(FUNCTIONS);
  expect(rows.filter((row) => row.volatility === 'v' || row.kind !== 'f' || row.rows)).toEqual([]);
});

test('aggregates, window functions and functions in FROM are what they are taken for', async () => {
  expect((await functionsOf(AGGREGATES)).filter((row) => row.kind !== 'a' || row.volatility === 'v')).toEqual([]);
  expect((await functionsOf(WINDOW_FUNCTIONS)).filter((row) => !['w', 'a'].includes(row.kind) || row.volatility === 'v')).toEqual([]);
  expect((await functionsOf(ROW_FUNCTIONS)).filter((row) => !row.rows || row.volatility === 'v')).toEqual([]);
});

test('no allowed function takes or gives an object identifier, a cursor or the name of an object', async () => {
  const { rows } = await client.query(
    `SELECT DISTINCT proname, t.typname FROM pg_proc, unnest(proargtypes::oid[] || prorettype) AS a(type) JOIN pg_type t ON t.oid = a.type
     WHERE pronamespace = 'pg_catalog'::regnamespace AND proname = ANY ($1) AND (t.typname LIKE 'reg%' OR t.typname IN ('oid', 'refcursor', 'internal', 'cstring', 'xml'))`,
    [[...FUNCTIONS, ...ROW_FUNCTIONS]],
  );
  expect(rows).toEqual([]);
});

test('every allowed operator, under all its signatures, is immutable or stable', async () => {
  const { rows } = await client.query<{ name: string; volatile: boolean }>(
    `SELECT oprname AS name, bool_or(provolatile = 'v') AS volatile FROM pg_operator JOIN pg_proc ON pg_proc.oid = oprcode
     WHERE oprnamespace = 'pg_catalog'::regnamespace AND oprname = ANY ($1) GROUP BY 1`,
    [[...OPERATORS]],
  );
  expect(rows.filter((row) => row.volatile)).toEqual([]);
  expect(rows.map((row) => row.name).toSorted()).toEqual([...OPERATORS].toSorted());
});

test('every allowed type is a plain type of PostgreSQL', async () => {
  const { rows } = await client.query(`SELECT typname FROM pg_type WHERE typnamespace = 'pg_catalog'::regnamespace AND typtype = 'b' AND typname = ANY ($1)`, [
    [...TYPES],
  ]);
  expect(rows).toHaveLength(TYPES.size);
});
