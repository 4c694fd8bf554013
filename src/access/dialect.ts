import { columnType, type Field } from '../catalog/index.js';
import { identifier, literal, raw, render, sql, type Sql, type Words } from '../sql/index.js';
import type { ServerFacts } from '../sources/index.js';

/** How the few things are written that not every PostgreSQL has; everything else is the same from the oldest on. */
export interface Dialect {
  readonly version: number;
  /** For the words in a statement (`word` of the room `sql`). */
  readonly words: Words;
  /** A value that a mask can be computed of, wherever its functions end earlier than its type. */
  maskable(field: Field, column: Sql): Sql;
}

/** The first version that has JSON_SCALAR; that has infinities among decimals, and EXTRACT of any date. */
const JSON_SCALAR_SINCE = 170_000;
const WHOLE_RANGE_SINCE = 140_000;
/** The first version that has trim_scale: older ones show means with zeros at the end. */
const TRIM_SCALE_SINCE = 130_000;
/** A date that timestamps, by way of which older servers take dates apart, can hold as well. */
const LAST_DATE = '294000-12-31';

export function dialectOf({ version, folding }: ServerFacts): Dialect {
  const wholeRange = version >= WHOLE_RANGE_SINCE;
  const words = {
    // Without a collation that knows cases there is the database's own, which knows those of its language, if any.
    folded: `COLLATE ${render(identifier(...(folding ?? (['pg_catalog', 'default'] as const)))).text}`,
    ...(version < JSON_SCALAR_SINCE && { jsonScalar: 'pg_catalog.to_json' }),
    ...(version < TRIM_SCALE_SINCE && { trimScale: '' }),
    ...(!wholeRange && { aboveLeast: "<> 'NaN'", belowGreatest: "<> 'NaN'", endless: "('NaN')" }),
  };
  return {
    version,
    words,
    maskable: (field, column) => {
      if (wholeRange || field.type !== 'date' || field.list) return column;
      return sql`(CASE WHEN pg_catalog.isfinite(${column}) THEN LEAST(${column}, ${literal(LAST_DATE)}::${raw(columnType(field))}) ELSE ${column} END)`;
    },
  };
}
