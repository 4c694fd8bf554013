import { remoteTableOf } from '../catalog/index.js';
import { tokensSql, tokensText } from '../sources/index.js';
import type { Sql } from '../sql/index.js';
import type { Place } from './source.js';

/**
 * Of a statement for a source: columns that tell what the columns of its tables are when it runs, and what they were when it was made. To be
 * asked for last, when it is known which are used.
 */
export function reliedColumns(place: Place | undefined): { readonly columns: readonly Sql[]; readonly tokens: readonly string[] } {
  const used = [...(place?.shapes.values() ?? [])].flatMap(({ dataset, used: [...all] }) => {
    const at = remoteTableOf(dataset);
    return at && all.length > 0 ? [{ table: at.table, all }] : [];
  });
  const columns = used.map(({ table, all }) =>
    tokensSql(
      table,
      all.map(({ name }) => name),
    ),
  );
  return { columns, tokens: used.map(({ all }) => tokensText(all)) };
}
