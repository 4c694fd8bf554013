import { columnType, type Field, type ScalarType } from '../catalog/index.js';
import { literal, raw, sql, type Sql } from '../sql/index.js';
import { sqlMask, type MaskedRow } from './mask-expression.js';
import { hash, token } from './mask-hash.js';
import type { MaskKeys } from './mask-keys.js';
import type { Mask } from './mask-kind.js';
import { location } from './mask-location.js';
import { partial } from './mask-partial.js';
import { pseudonym } from './mask-pseudonym.js';
import { range } from './mask-range.js';
import { roundSql } from './mask-round.js';

/** What stands for everything that is not shown: of one length, so that it does not tell how much there was. */
export const HIDDEN = '***';

/** The constant of each type that `redact` gives. */
const REDACTED: Readonly<Record<ScalarType, string>> = {
  text: HIDDEN,
  integer: '0',
  bigint: '0',
  decimal: '0',
  float: '0',
  boolean: 'false',
  date: '1970-01-01',
  timestamp: '1970-01-01 00:00:00+00',
  time: '00:00:00',
  uuid: '00000000-0000-0000-0000-000000000000',
  json: '{}',
};

/** The longest address that mail can have is shorter, and a regular expression over a long text costs memory. */
const LONGEST_EMAIL = 1_000;
/** Something, one @, and a host: letters, digits, dots, dashes, and all that is not ASCII. So that no path or query is taken for a host. */
const EMAIL = '^[^@[:space:]]+@[^\\x01-\\x2c\\x2f\\x3a-\\x40\\x5b-\\x60\\x7b-\\x7f]+$';

/** The first moment that dates and timestamps can hold: what is truncated to one before it becomes it. */
const FIRST_DAY = '4714-11-24';
/** Dates go on for millions of years after the last timestamp. */
const TIMESTAMPS_END = '294000-01-01';
/** From here on a value can be truncated without leaving the range of its type. */
const TRUNCATABLE = { year: '4713-01-01', month: '4714-12-01' };

/**
 * The masked value of a column, in the type of the field. It is total (no stored value raises an error), depends on the value and
 * the keys only, is made of functions of pg_catalog, immutable ones but for those with a key, and is null where the value is null, except
 * for `redact`. Of `sql` only so much is known as its expression tells. The mask must fit the field (`maskProblem`).
 * @param row what the expression of `sql` may read; the field itself when absent
 */
export function maskSql(mask: Mask, field: Field, datasetName: string, column: Sql, keys: MaskKeys, row: MaskedRow = alone(field, column)): Sql {
  const type = raw(columnType(field));
  const ownScope = `${datasetName}.${field.name}`;
  switch (mask.kind) {
    case 'redact':
      return sql`${literal(field.list ? '{}' : REDACTED[field.type])}::${type}`;
    case 'nullify':
      return sql`NULL::${type}`;
    case 'hash':
      return hash(mask.scope ?? ownScope, column, keys);
    case 'partial':
      return partial(mask, column);
    case 'email':
      return email(column);
    case 'year':
      return truncate('year', field, column);
    case 'truncate':
      return truncate(mask.to, field, column);
    case 'round':
      return roundSql(field.type as 'integer' | 'bigint' | 'decimal' | 'float', mask.step, column);
    case 'range':
      return range(mask.step, column, HIDDEN);
    case 'location':
      return location(mask.digits, field.type as 'text' | 'decimal' | 'float', column, HIDDEN);
    case 'pseudonym':
      return pseudonym(mask, ownScope, column, keys);
    case 'tokenize':
      return token(mask.scope ?? ownScope, column, keys);
    case 'sql':
      return sqlMask(mask, field, row);
  }
}

function alone(field: Field, column: Sql): MaskedRow {
  return { columns: new Map([[field.name, columnType(field)]]), column: () => column };
}

/** A local part of one character is not shown: its first character would be all of it. */
function email(column: Sql): Sql {
  const domain = sql`pg_catalog.split_part(${column}, '@', 2)`;
  const initial = sql`CASE WHEN pg_catalog.strpos(${column}, '@') > 2 THEN pg_catalog.left(${column}, 1) ELSE '' END`;
  const hidden = literal(HIDDEN);
  return sql`CASE WHEN pg_catalog.octet_length(${column}) > ${raw(`${LONGEST_EMAIL}`)} THEN ${hidden}::text WHEN ${column} ~ ${literal(EMAIL)} THEN ${initial} || ${literal(`${HIDDEN}@`)} || ${domain} WHEN ${column} IS NOT NULL THEN ${hidden}::text END`;
}

/** In UTC; infinity stays. */
function truncate(to: 'year' | 'month' | 'day' | 'hour', field: Field, column: Sql): Sql {
  const isDate = field.type === 'date';
  const bound = (day: string) => literal(isDate ? `${day} BC` : `${day} 00:00:00+00 BC`);
  const type = raw(columnType(field));
  // date_trunc and date_part of a date go by timestamps, which end earlier than dates do; with a time zone it is not immutable.
  const start = isDate
    ? sql`${column} - (EXTRACT(${raw(to === 'year' ? 'doy' : 'day')} FROM ${column})::int4 - 1)`
    : sql`pg_catalog.timezone('UTC', pg_catalog.date_trunc(${literal(to)}, pg_catalog.timezone('UTC', ${column})))`;
  if (to === 'day' || to === 'hour') return start;
  // EXTRACT counts in decimals: where a timestamp can hold the date, date_trunc takes a third of its time.
  const soon = isDate
    ? sql`WHEN ${column} >= ${bound(TRUNCATABLE[to])}::date AND ${column} < ${literal(TIMESTAMPS_END)}::date THEN pg_catalog.date_trunc(${literal(to)}, ${column}::timestamp)::date `
    : raw('');
  return sql`CASE ${soon}WHEN NOT pg_catalog.isfinite(${column}) THEN ${column} WHEN ${column} >= ${bound(TRUNCATABLE[to])}::${type} THEN ${start} WHEN ${column} IS NOT NULL THEN ${bound(FIRST_DAY)}::${type} END`;
}
