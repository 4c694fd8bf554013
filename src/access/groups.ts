import type { Dataset, Field } from '../catalog/index.js';
import { identifier, join, raw, sql, type Sql } from '../sql/index.js';
import { aggregateJson, quantitySql, quantityType, type Measurable } from './aggregate.js';
import { cellColumns, type CellColumns } from './cells.js';
import { operatorSql } from './filter.js';
import { jsonConstant, jsonList, jsonObject, type Json } from './json-object.js';
import { jsonValue } from './json-value.js';
import { mostDecimals, positiveZero } from './measure.js';
import { orderBySql, type SortKey } from './order.js';
import { related } from './relation.js';
import type { Source, SourceContext } from './source.js';
import type { GroupKey, GroupKeyMember, Grouping, Having } from './summary.js';
import { truncated } from './truncation.js';

export interface GroupsOptions {
  readonly grouping: Grouping;
  readonly source: Source;
  readonly dataset: Dataset;
  readonly context: SourceContext;
  /** Of the source's rows; with its WHERE, or empty. */
  readonly where: Sql;
}

/** The groups of a governed source's rows, as a statement that gives one JSON list. */
export function groupsSql({ grouping, source, dataset, context, where }: GroupsOptions): Sql {
  const rows = new GroupRows(source, context);
  const keys = grouping.keys.map((key, i) => rows.key(key, i));
  const pairs = grouping.members.map((member): [string, Json] => {
    switch (member.kind) {
      case 'typename':
        return [member.key, jsonConstant(`${dataset.typeName}Group`)];
      case 'keys':
        return [member.key, keysJson(member.members, grouping.keys, keys)];
      case 'aggregate':
        return [member.key, aggregateJson(member.members, dataset, rows)];
    }
  });
  const having = grouping.having ? sql` HAVING ${havingSql(grouping.having, rows)}` : raw('');
  const order = orderBySql(sortKeys(grouping, keys, rows), false);
  const bound = raw(` LIMIT ${grouping.limit}${grouping.offset > 0 ? ` OFFSET ${grouping.offset}` : ''}`);
  const group = sql`SELECT ${jsonObject(pairs)} AS v FROM ${rows.toSql(where)} GROUP BY ${join(keys)}${having} ORDER BY ${order}${bound}`;
  const alias = context.nextAlias('x');
  return sql`SELECT ${jsonList(sql`${alias}.v`, raw(''), raw(''))} FROM (${group}) AS ${alias}`;
}

/** The rows that are grouped: a subquery with the keys, which can be subqueries themselves, and the fields that are measured. */
class GroupRows implements Measurable {
  readonly cells: CellColumns | undefined;
  readonly #source: Source;
  readonly #context: SourceContext;
  readonly #alias: Sql;
  readonly #columns = new Map<string, Sql>();
  readonly #joins: Sql[] = [];

  constructor(source: Source, context: SourceContext) {
    this.#source = source;
    this.#context = context;
    this.#alias = context.nextAlias('q');
    this.cells = source.cells && cellColumns(source.dataset, (name) => this.#add(name, () => source.asked(name)));
  }

  column(field: Field): Sql {
    return this.#add(field.name, () => this.#source.column(field));
  }

  key(key: GroupKey, index: number): Sql {
    return this.#add(`_k${index}`, () => {
      const value = this.#through(key, this.#source, 0);
      if (key.truncation) return truncated(key.truncation, key.field, value);
      // A masked text may have lost its column's collation, and equal keys of another one are not equal to the byte.
      return key.field.type === 'text' ? sql`(${value} COLLATE "C")` : value;
    });
  }

  /** To be called last, when all columns have been asked for. */
  toSql(where: Sql): Sql {
    const columns = [...this.#columns].map(([name, value]) => sql`${value} AS ${identifier(name)}`);
    return sql`(SELECT ${join(columns)} FROM ${this.#source.toSql()}${join(this.#joins, '')}${where}) AS ${this.#alias}`;
  }

  #add(name: string, value: () => Sql): Sql {
    if (!this.#columns.has(name)) this.#columns.set(name, value());
    return sql`${this.#alias}.${identifier(name)}`;
  }

  /** Joined where the contract says that there is at most one row, which PostgreSQL does for all rows at once; else looked up for each row. */
  #through(key: GroupKey, here: Source, depth: number): Sql {
    const hop = key.through[depth];
    if (hop === undefined) return here.column(key.field);
    const there = this.#context.source(hop.target);
    const remote = hop.relation.on.map((pair) => pair.remote);
    // At a source nobody keeps the key's promise for us.
    const isUnique = hop.target.source === undefined && hop.target.key.length > 0 && hop.target.key.every((name) => remote.includes(name));
    if (isUnique) {
      const value = this.#through(key, there, depth + 1);
      const belongs = related(hop.relation, here, there);
      // Joins of what lies behind it were added before it.
      this.#joins.unshift(sql` LEFT JOIN ${there.toSql()} ON ${belongs}`);
      return value;
    }
    const inner = new GroupRows(there, this.#context);
    const value = inner.#through(key, there, depth + 1);
    const belongs = related(hop.relation, here, there);
    return sql`(SELECT ${value} FROM ${there.toSql()}${join(inner.#joins, '')} WHERE ${belongs} LIMIT 1)`;
  }
}

function keysJson(members: readonly GroupKeyMember[], keys: readonly GroupKey[], values: readonly Sql[]): Sql {
  return jsonObject(
    members.map((member): [string, Json] => {
      switch (member.kind) {
        case 'typename':
          return [member.key, jsonConstant(member.typeName)];
        case 'absent':
          return [member.key, jsonConstant(null)];
        case 'through':
          return [member.key, keysJson(member.members, keys, values)];
        case 'key': {
          const [key, value] = [keys[member.index], values[member.index]];
          if (!key || !value) throw new Error('a key that is not grouped by');
          return [member.key, jsonValue(key.field, inOneForm(key.field, value), false)];
        }
      }
    }),
  );
}

/** The rows of a group can have one number in several ways. */
function inOneForm({ type }: Field, value: Sql): Sql {
  if (type === 'float') return positiveZero(value);
  return type === 'decimal' ? sql`round(${value}, ${mostDecimals(value)})` : value;
}

function havingSql(having: Having, rows: Measurable): Sql {
  switch (having.kind) {
    case 'and':
    case 'or': {
      if (having.conditions.length === 0) return raw(having.kind === 'and' ? 'TRUE' : 'FALSE');
      const parts = having.conditions.map((inner) => havingSql(inner, rows));
      return sql`(${join(parts, having.kind === 'and' ? ' AND ' : ' OR ')})`;
    }
    case 'not':
      return sql`(NOT ${havingSql(having.condition, rows)})`;
    case 'isNull':
      return sql`((${quantitySql(having.quantity, rows)}) IS ${raw(having.isNull ? 'NULL' : 'NOT NULL')})`;
    case 'compare': {
      const field = { type: quantityType(having.quantity), list: false };
      const value = sql`(${quantitySql(having.quantity, rows)})`;
      const equated = field.type === 'text' ? sql`${value} COLLATE "C"` : value;
      return sql`(${operatorSql(having.operator, field, { value, equated }, having.operands)})`;
    }
  }
}

/** The order that was asked for, ended by all keys: no two groups are equal in them. */
function sortKeys({ order, keys }: Grouping, values: readonly Sql[], rows: Measurable): readonly SortKey[] {
  const shape = { type: 'text', nullable: true };
  const asked = order.map(({ by, descending, nullsFirst }) => {
    const value = by.kind === 'key' ? values[by.index] : quantitySql(by, rows);
    if (!value) throw new Error('an order by a key that is not grouped by');
    return { ...shape, value, descending, nullsFirst };
  });
  const named = new Set(order.flatMap(({ by }) => (by.kind === 'key' ? [by.index] : [])));
  const rest = keys.flatMap((_, i) => (named.has(i) ? [] : (values[i] ?? [])));
  return [...asked, ...rest.map((value) => ({ ...shape, value, descending: false, nullsFirst: false }))];
}
