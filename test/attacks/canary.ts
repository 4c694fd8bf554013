import { expect } from 'vitest';
import { openFixture } from '../cases/open-fixture.js';
import type { House } from '../support/house.js';

/**
 * The fixture with a canary: a table that the reader's role may even write, and a trigger on every change of the schema. They
 * tell if anything ran that a client or a manifest only said.
 */
export async function openCanary(): Promise<House> {
  const house = await openFixture();
  await house.database.query('CREATE TABLE data.canary (what text)');
  await house.database.query('GRANT SELECT, INSERT, DELETE ON data.canary TO headgate_reader');
  await house.database.query('CREATE TABLE public.ddl (command text)');
  await house.database.query(`CREATE FUNCTION public.note_ddl() RETURNS event_trigger SECURITY DEFINER LANGUAGE plpgsql AS $f$
    BEGIN INSERT INTO public.ddl VALUES (tg_tag); END $f$`);
  await house.database.query('CREATE EVENT TRIGGER note_ddl ON ddl_command_end EXECUTE FUNCTION public.note_ddl()');
  return house;
}

/** Each would end a text, a name, a cast, a JSON path, a pattern or a comment, and write to the canary. */
export const CORPUS: readonly string[] = [
  "'",
  "''",
  '"',
  '\\',
  "\\'",
  "'; INSERT INTO data.canary VALUES ('a'); --",
  "'); INSERT INTO data.canary VALUES ('b'); --",
  "' OR '1'='1",
  "' OR 1=1 --",
  "' UNION SELECT passport_no FROM data.customers --",
  '"; DROP TABLE data.orders; --',
  '") FROM data.orders; DELETE FROM data.orders; --',
  '\\"; DROP TABLE data.orders; --',
  "E'\\'; DROP TABLE data.orders; --",
  '$1',
  '$$; DROP TABLE data.orders; $$',
  "1; INSERT INTO data.canary VALUES ('c')",
  '1::text); DROP TABLE data.orders; --',
  '/* */',
  '*/ DROP TABLE data.orders /*',
  '-- ',
  '%00',
  '\n\r; DROP TABLE data.orders;\n',
  '\u2028',
  'ʼ; DROP TABLE data.orders; --',
  '＇; DROP TABLE data.orders; --',
  '{"a":"\'; DROP TABLE data.orders; --"}',
  "{a,b'}",
  "$.a ? (@ == 'x')",
  "claim('country')",
  'pg_sleep(1)',
  "(SELECT pg_read_file('/etc/passwd'))",
  "'||(SELECT string_agg(passport_no, ',') FROM data.customers)||'",
];

/** Nothing ran that was not meant to. */
export async function expectNoHarm(house: House): Promise<void> {
  const [counts] = await house.database.query<Record<string, string>>(`
    SELECT (SELECT count(*) FROM data.canary) AS canary, (SELECT count(*) FROM public.ddl) AS ddl,
      (SELECT count(*) FROM data.orders) AS orders, (SELECT count(*) FROM data.customers) AS customers, (SELECT count(*) FROM data.watchlist) AS watchlist`);
  expect(counts).toEqual({ canary: '0', ddl: '0', orders: '5', customers: '6', watchlist: '2' });
}
