import { identifier, render, sql } from '../sql/index.js';
import type { Transaction } from '../store/index.js';
import type { Catalog } from './catalog.js';
import { blindIndexName, createBlindIndex, createIndex, indexesOf, sameList } from './table.js';

/**
 * Brings the indexes of all tables to what the catalog asks for. It compares columns, not names, with what is really
 * there, so a table that was exchanged by a load is seen as it is.
 */
export async function settleIndexes(tx: Transaction, catalog: Catalog): Promise<void> {
  const existing = await tx.query<{ table: string; index: string; columns: string[] }>(`
    SELECT t.relname AS "table", i.relname AS "index", array_agg(a.attname::text ORDER BY k.position) AS columns
      FROM pg_index x
      JOIN pg_class t ON t.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
      CROSS JOIN unnest(x.indkey::int2[]) WITH ORDINALITY AS k (attribute, position)
      JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attribute
     WHERE t.relnamespace = 'data'::regnamespace AND NOT x.indisprimary
     GROUP BY t.relname, i.relname`);
  // Indexes of expressions have no columns to go by.
  const named = await tx.query<{ name: string }>("SELECT relname AS name FROM pg_class WHERE relkind = 'i' AND relnamespace = 'data'::regnamespace");
  const names = new Set(named.map(({ name }) => name));
  const byTable = Map.groupBy(existing, ({ table }) => table);
  for (const dataset of catalog.datasets.values()) {
    if (dataset.source) continue;
    const wanted = indexesOf(dataset, catalog.datasets);
    const there = byTable.get(dataset.name) ?? [];
    for (const { index, columns } of there) {
      if (!wanted.some((other) => sameList(other, columns))) await tx.query(render(sql`DROP INDEX ${identifier('data', index)}`).text);
    }
    for (const columns of wanted) {
      if (!there.some((other) => sameList(other.columns, columns))) await tx.query(render(createIndex(dataset, columns)).text);
    }
    for (const { name } of dataset.fields.filter(({ encrypted }) => encrypted)) {
      if (!names.has(blindIndexName(dataset, name))) await tx.query(render(createBlindIndex(dataset, name)).text);
    }
  }
}
