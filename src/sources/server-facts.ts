/** What statements must know of a server. */
export interface ServerFacts {
  /** As in `server_version_num`: 150004 is 15.4. */
  readonly version: number;
  /** A collation that knows upper and lower case of all of Unicode; absent where there is none. */
  readonly folding?: readonly [schema: string, name: string];
}

export const OLDEST_SOURCE = 12;

/**
 * One row and column, as JSON. Of the collations that know cases, first the one that the store has too, then those of
 * the C library without a language, then Unicode's own rules. Each must go with the database's encoding.
 */
export const FACTS = `
  SELECT pg_catalog.json_build_object('version', pg_catalog.current_setting('server_version_num')::int, 'folding', (
    SELECT pg_catalog.json_build_array(n.nspname, c.collname)
      FROM pg_catalog.pg_collation c JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace
     WHERE n.nspname = 'pg_catalog' AND c.collname IN ('pg_c_utf8', 'C.utf8', 'C.UTF-8', 'und-x-icu') AND c.collencoding IN (-1, 6)
     ORDER BY pg_catalog.array_position(ARRAY['pg_c_utf8', 'C.utf8', 'C.UTF-8', 'und-x-icu']::text[], c.collname::text) LIMIT 1))::text`;
