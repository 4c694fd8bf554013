import { render, sql } from '../sql/index.js';
import { WITH_ROWS } from './describe-table.js';

/** A foreign key: columns here, and those there that they lead to. */
export interface ForeignKey {
  readonly schema: string;
  readonly table: string;
  readonly pairs: readonly (readonly [here: string, there: string])[];
}

/** A table or view that our user may read. */
export interface ListedTable {
  readonly schema: string;
  readonly name: string;
  readonly comment: string | null;
  /** Columns of the primary key, in its order. */
  readonly key: readonly string[] | null;
  readonly foreignKeys: readonly ForeignKey[] | null;
}

/** One row and column: all tables and views but PostgreSQL's own and the parts of partitioned ones, as JSON. */
export const LIST_TABLES = render(sql`
  SELECT pg_catalog.json_agg(pg_catalog.json_build_object('schema', n.nspname, 'name', c.relname, 'comment', pg_catalog.obj_description(c.oid, 'pg_class'),
    'key', (SELECT pg_catalog.json_agg(a.attname ORDER BY k.i)
              FROM pg_catalog.pg_constraint p CROSS JOIN pg_catalog.unnest(p.conkey) WITH ORDINALITY AS k (n, i)
              JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.n
             WHERE p.conrelid = c.oid AND p.contype = 'p'),
    'foreignKeys', (SELECT pg_catalog.json_agg(pg_catalog.json_build_object('schema', fn.nspname, 'table', fc.relname, 'pairs', (
              SELECT pg_catalog.json_agg(pg_catalog.json_build_array(a.attname, b.attname) ORDER BY k.i)
                FROM ROWS FROM (pg_catalog.unnest(f.conkey), pg_catalog.unnest(f.confkey)) WITH ORDINALITY AS k (here, there, i)
                JOIN pg_catalog.pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.here
                JOIN pg_catalog.pg_attribute b ON b.attrelid = f.confrelid AND b.attnum = k.there)) ORDER BY f.conname)
              FROM pg_catalog.pg_constraint f JOIN pg_catalog.pg_class fc ON fc.oid = f.confrelid JOIN pg_catalog.pg_namespace fn ON fn.oid = fc.relnamespace
             WHERE f.conrelid = c.oid AND f.contype = 'f'))
    ORDER BY n.nspname, c.relname)::text
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ${WITH_ROWS} AND NOT c.relispartition AND n.nspname <> 'information_schema' AND pg_catalog.left(n.nspname, 3) <> 'pg_'
    AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT')`).text;
