import { columnType, ROW_ID, type Dataset, type Field } from '../catalog/index.js';
import type { DatasetDecision } from '../governance/index.js';
import { fingerprint } from '../kernel/index.js';
import { join, param, raw, sql, type Sql } from '../sql/index.js';
import { Slotted } from './binding.js';
import { related } from './relation.js';
import type { CursorPosition, OrderTerm } from './selection.js';
import type { Source, SourceContext } from './source.js';

/** One term of a total order, as an expression over a source. */
export interface SortKey {
  readonly value: Sql;
  readonly type: string;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
  readonly nullable: boolean;
}

/**
 * The asked-for order made total: ended by the contract's key where all of it is seen plain, else by the random row
 * id, so that the order of rows tells nothing that the principal can't see.
 */
export function totalOrder(terms: readonly OrderTerm[], source: Source, dataset: Dataset, context: SourceContext): readonly SortKey[] {
  const keys = terms.map((term) => sortKey(term, source, context));
  const asked = new Set(terms.filter((term) => term.through.length === 0).map((term) => term.field.name));
  const key = keyFields(dataset, context.decisionOn(dataset));
  if (key === undefined) return [...keys, { value: source.rowId(), type: 'bytea', descending: false, nullsFirst: false, nullable: false }];
  const rest = key.filter((field) => !asked.has(field.name));
  return [
    ...keys,
    ...rest.map((field) => ({
      value: source.column(field),
      type: columnType({ type: field.type, list: false }),
      descending: false,
      nullsFirst: false,
      // Of a key only a source may not keep what the contract says.
      nullable: !source.isPlain(field),
    })),
  ];
}

/** The contract's key, if the principal sees all of it plain. */
export function keyFields(dataset: Dataset, decision: DatasetDecision): readonly Field[] | undefined {
  const fields = dataset.key.flatMap((name) => dataset.fields.find((field) => field.name === name) ?? []);
  const isPlain = fields.length > 0 && fields.length === dataset.key.length && fields.every((field) => decision.fields.get(field.name)?.access === 'plain');
  return isPlain ? fields : undefined;
}

/**
 * Which row of several that have one key as the principal sees it, where it is masked: always the same, and not the one that
 * happens to be stored first.
 */
export function firstSql(source: Source, decision: DatasetDecision): Sql {
  return keyFields(decision.dataset, decision) === undefined ? sql` ORDER BY ${source.rowId()}` : raw('');
}

function sortKey(term: OrderTerm, source: Source, context: SourceContext): SortKey {
  const { field, descending, nullsFirst } = term;
  const shape = { type: columnType({ type: field.type, list: false }), descending, nullsFirst };
  const [hop] = term.through;
  if (hop === undefined) {
    const isStored = source.isPlain(field);
    const value = source.column(field);
    // A masked text may have lost its column's collation.
    return { ...shape, value: field.type === 'text' && !isStored ? sql`(${value} COLLATE "C")` : value, nullable: !(isStored && field.required) };
  }
  const there = context.source(hop.target);
  const inner = sortKey({ ...term, through: term.through.slice(1) }, there, context);
  const keys = related(hop.relation, source, there);
  return { ...shape, value: sql`(SELECT ${inner.value} FROM ${there.toSql()} WHERE ${keys} LIMIT 1)`, nullable: true };
}

export function orderBySql(keys: readonly SortKey[], backward: boolean): Sql {
  return join(
    keys.map((key) => {
      const { descending, nullsFirst } = backward ? reversed(key) : key;
      // Without words for nulls an index serves the order; PostgreSQL puts them last in ASC and first in DESC.
      const nulls = !key.nullable || nullsFirst === descending ? '' : nullsFirst ? ' NULLS FIRST' : ' NULLS LAST';
      return sql`${key.value} ${raw(descending ? 'DESC' : 'ASC')}${raw(nulls)}`;
    }),
  );
}

function reversed(key: SortKey): SortKey {
  return { ...key, descending: !key.descending, nullsFirst: !key.nullsFirst };
}

/** The rows strictly behind a cursor's in the order (before it, for `before`). */
export function beyondSql(keys: readonly SortKey[], position: CursorPosition, before: boolean): Sql {
  const terms = keys.map((original, i) => {
    const key = before ? reversed(original) : original;
    const slot = position.values[i];
    return { key, value: slot === null || slot === undefined ? undefined : param(new Slotted(slot), key.type) };
  });
  const [first] = terms;
  const simple = terms.every(({ key, value }) => value !== undefined && !key.nullable && key.descending === first?.key.descending);
  if (simple && first) {
    const left = join(terms.map(({ key }) => key.value));
    const right = join(terms.map(({ value }) => value ?? raw('NULL')));
    return sql`(${left}) ${raw(first.key.descending ? '<' : '>')} (${right})`;
  }
  const alternatives = terms.map(({ key, value }, i) => {
    const same = terms.slice(0, i).map((term) => (term.value ? sql`${term.key.value} = ${term.value}` : sql`${term.key.value} IS NULL`));
    return sql`(${join([...same, strictlyBehind(key, value)], ' AND ')})`;
  });
  return sql`(${join(alternatives, ' OR ')})`;
}

function strictlyBehind(key: SortKey, value: Sql | undefined): Sql {
  if (value === undefined) return key.nullsFirst ? sql`${key.value} IS NOT NULL` : raw('FALSE');
  const beyond = sql`${key.value} ${raw(key.descending ? '<' : '>')} ${value}`;
  return key.nullable && !key.nullsFirst ? sql`(${beyond} OR ${key.value} IS NULL)` : beyond;
}

/**
 * The cursor of a row, in SQL: base64url of a JSON array with the fingerprint of the order and the decision, and the
 * row's values in that order, as the principal sees them.
 */
export function cursorSql(values: readonly Sql[], mark: Sql): Sql {
  const texts = values.map((value) => sql`(${value})::text`);
  return sql`translate(encode(convert_to(json_build_array(${join([mark, ...texts])})::text, 'UTF8'), 'base64'), E'+/=\n', '-_')`;
}

/** What a cursor must carry to be taken: it belongs to this dataset, order and decision. */
export function cursorFingerprint(terms: readonly OrderTerm[], dataset: Dataset, context: SourceContext): string {
  const order = terms.map((term) => [
    term.through.map((hop) => [hop.relation.name, context.decisionOn(hop.target).fingerprint]),
    term.field.name,
    term.descending,
    term.nullsFirst,
  ]);
  return fingerprint(JSON.stringify([ROW_ID, dataset.name, context.decisionOn(dataset).fingerprint, order]));
}
