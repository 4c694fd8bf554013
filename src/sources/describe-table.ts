import type { RemoteTable } from '../catalog/index.js';
import { identifier, literal, join, raw, render, sql, type Sql } from '../sql/index.js';
import type { RemoteColumn } from './remote-column.js';

/** Kinds of relations that have rows: tables, partitioned, foreign, views, materialized views. */
export const WITH_ROWS = raw(`('r', 'p', 'f', 'v', 'm')`);

/** All that matters of a column, as one text: when it is the same, statements made for it are right. */
const TOKEN = raw(`a.attname || ':' || a.atttypid || ':' || a.attcollation || ':' || a.attnotnull`);

/** The table's oid; null when it is not there. */
function oidOf({ schema, name }: RemoteTable['table']): Sql {
  const [text] = [render(identifier(schema, name)).text];
  return sql`pg_catalog.to_regclass(${literal(text)})`;
}

/** What a table has now of some of its columns. It is compared with `tokensText`. */
export function tokensSql(table: RemoteTable['table'], columns: readonly string[]): Sql {
  return sql`(SELECT pg_catalog.string_agg(${TOKEN}, ',' ORDER BY a.attname COLLATE "C") FROM pg_catalog.pg_attribute a WHERE a.attrelid = ${oidOf(table)} AND a.attnum > 0 AND NOT a.attisdropped AND a.attname IN (${join(columns.map(literal))}))`;
}

/** The same of columns as they were. */
export function tokensText(columns: readonly RemoteColumn[]): string {
  const sorted = columns.toSorted((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
  return sorted.map(({ token }) => token).join(',');
}

/** One row and column: the table's columns as JSON, in order; null when there is no such table. */
export function columnsSql(table: RemoteTable['table']): Sql {
  return sql`
    WITH RECURSIVE base AS (
      SELECT a.attnum, t.* FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
       WHERE a.attrelid = ${oidOf(table)} AND c.relkind IN ${WITH_ROWS} AND a.attnum > 0 AND NOT a.attisdropped
      UNION ALL
      SELECT b.attnum, t.* FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.typbasetype WHERE b.typtype = 'd'
    ), element AS (
      SELECT b.attnum, b.typcategory = 'A' AND b.typelem <> 0 AND b.typlen = -1 AND b.typname NOT IN ('int2vector', 'oidvector') AS list, b.oid, b.typelem FROM base b WHERE b.typtype <> 'd'
    )
    SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
      'name', a.attname, 'list', e.list, 'notNull', a.attnotnull, 'typeText', pg_catalog.format_type(a.atttypid, a.atttypmod), 'token', ${TOKEN},
      'type', CASE WHEN t.typtype = 'e' THEN 'enum' WHEN t.typnamespace = 'pg_catalog'::regnamespace OR t.typname = 'citext' THEN t.typname::text ELSE '' END,
      'collation', CASE WHEN l.collisdeterministic THEN pg_catalog.json_build_array(n.nspname, l.collname) END,
      'comment', pg_catalog.col_description(a.attrelid, a.attnum)) ORDER BY a.attnum)::text
    FROM element e
    JOIN pg_catalog.pg_attribute a ON a.attrelid = ${oidOf(table)} AND a.attnum = e.attnum
    JOIN pg_catalog.pg_type t ON t.oid = CASE WHEN e.list THEN e.typelem ELSE e.oid END
    LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
    LEFT JOIN pg_catalog.pg_namespace n ON n.oid = l.collnamespace`;
}
