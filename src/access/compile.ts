import type { Dataset } from '../catalog/index.js';
import type { MaskKeys } from '../governance/index.js';
import { HeadgateError, sha256 } from '../kernel/index.js';
import { join, raw, renderParameters, sql, type Parameter, type Sql } from '../sql/index.js';
import { conditionSql, slotSql } from './filter.js';
import type { GovernedPlan } from './govern.js';
import { jsonConstant, jsonNumber, jsonObject, type Json } from './json-object.js';
import { jsonScalar, jsonValue } from './json-value.js';
import { beyondSql, cursorFingerprint, totalOrder, type SortKey } from './order.js';
import { PageScope, type RowScope } from './page-scope.js';
import { related } from './relation.js';
import type { ConnectionMember, ConnectionSelection, CursorPosition, RowMember, RowSelection } from './selection.js';
import { SourceContext, type Source } from './source.js';

/** One SQL statement for one root field; its one row holds JSON in bytes, and behind it the counts of rows as texts. */
export interface CompiledRead {
  readonly name: string;
  readonly text: string;
  /**
   * The keys of the answer's members, each with a column that is its JSON. Absent where the first column is the answer.
   * A page is large: the object around it is put together from texts, not written again.
   */
  readonly members?: readonly string[];
  /** The datasets whose rows the columns behind the answer count, in order; one that is reached twice stands twice. */
  readonly counted: readonly string[];
  readonly parameters: readonly Parameter[];
  /** Cursors that the request gave must carry these fingerprints. */
  readonly cursors: readonly { readonly slot: number; readonly fingerprint: string }[];
  /** A condition of a grant in it may raise an error on some row. */
  readonly mayFail: boolean;
}

/** Compiles a governed plan; there is no other way from a selection to SQL. */
export function compile(plan: GovernedPlan, maskKeys: MaskKeys): CompiledRead {
  const context = new SourceContext(plan.decisions, maskKeys);
  const compiler = new Compiler(context);
  const root: RootStatement = plan.selection.kind === 'connection' ? compiler.rootConnection(plan.selection.connection) : compiler.rootRow(plan.selection);
  const { statement, ...columns } = root;
  const { text, parameters } = renderParameters(statement);
  return { name: `hg_${sha256(text).slice(0, 40)}`, text, parameters, ...columns, cursors: compiler.cursors, mayFail: context.hasBarrier };
}

/** How many rows of a dataset one row of the place above holds, or one page: for the record. */
interface Counted {
  readonly dataset: string;
  readonly rows: Sql;
}

interface RootStatement extends Pick<CompiledRead, 'members' | 'counted'> {
  readonly statement: Sql;
}

/** The members of a row: FROM items that they need behind the row's own, their JSON, and the rows of relations in it. */
interface CompiledRow {
  readonly join: Sql;
  readonly value: Sql;
  readonly counts: readonly Counted[];
}

/** A relation's JSON, as a column of a FROM item of its own. */
type RelationValue = CompiledRow;

interface ConnectionParts {
  readonly page: PageScope | undefined;
  readonly belongs: ((there: Source) => Sql) | undefined;
  /** Takes the counts of what is nested in the page's rows. */
  readonly nested: Counted[];
}

interface CompiledConnection {
  /** The members' values, as columns of `from`. */
  readonly columns: readonly (readonly [key: string, value: Sql])[];
  readonly from: Sql;
  readonly counts: readonly Counted[];
}

class Compiler {
  readonly cursors: { slot: number; fingerprint: string }[] = [];
  readonly #context: SourceContext;

  constructor(context: SourceContext) {
    this.#context = context;
  }

  rootConnection(connection: ConnectionSelection): RootStatement {
    const { columns, from, counts } = this.#connection(connection);
    return {
      statement: sql`SELECT ${join([...columns.map(([, value]) => value), ...counts.map(countText)])} FROM ${from}`,
      members: columns.map(([key]) => key),
      counted: counts.map((count) => count.dataset),
    };
  }

  rootRow({ row, key }: Extract<GovernedPlan['selection'], { kind: 'byKey' }>): RootStatement {
    const source = this.#context.source(row.dataset);
    const wanted = join(
      key.map(({ field, value }) => sql`${source.column(field)} = ${slotSql(value)}`),
      ' AND ',
    );
    const answer = this.#row(row, scopeOf(source, row.dataset));
    const counts = [{ dataset: row.dataset.name, rows: raw('1') }, ...answer.counts];
    const list = join([answer.value, ...counts.map(countText)]);
    return { statement: sql`SELECT ${list} FROM ${source.toSql()}${answer.join} WHERE ${wanted} LIMIT 1`, counted: counts.map((count) => count.dataset) };
  }

  /** The members of a row as one JSON object. */
  #row(row: RowSelection, scope: RowScope): CompiledRow {
    const joins: Sql[] = [];
    const counts: Counted[] = [];
    const relation = (compiled: RelationValue): Sql => {
      joins.push(compiled.join);
      counts.push(...compiled.counts);
      return compiled.value;
    };
    const pairs = row.members.map((member): [string, Json] => {
      switch (member.kind) {
        case 'typename':
          return [member.key, jsonConstant(row.dataset.typeName)];
        case 'nothing':
          return [member.key, jsonConstant(null)];
        case 'field':
          return [member.key, jsonValue(member.field, scope.named(member.field.name), member.field.required && scope.isPlain(member.field))];
        case 'one':
          return [member.key, relation(this.#one(member, scope))];
        case 'many':
          return [member.key, relation(this.#many(member, scope))];
      }
    });
    return { join: join(joins, ''), value: jsonObject(pairs), counts };
  }

  #one({ relation, row }: Extract<RowMember, { kind: 'one' }>, scope: RowScope): RelationValue {
    const there = this.#context.source(row.dataset);
    const keys = related(relation, scope, there);
    const inner = this.#row(row, scopeOf(there, row.dataset));
    const counts = [{ dataset: row.dataset.name, rows: raw('1') }, ...inner.counts];
    const { list, value, outer } = this.#lateral(inner.value, counts);
    return {
      join: sql` LEFT JOIN LATERAL (SELECT ${list} FROM ${there.toSql()}${inner.join} WHERE ${keys} LIMIT 1) AS ${value.alias} ON TRUE`,
      value: sql`coalesce(${value.sql}, ${jsonConstant(null)})`,
      counts: outer,
    };
  }

  #many({ relation, connection }: Extract<RowMember, { kind: 'many' }>, scope: RowScope): RelationValue {
    const { columns, from, counts } = this.#connection(connection, (there) => related(relation, scope, there));
    const { list, value, outer } = this.#lateral(jsonObject(columns), counts);
    return { join: sql` CROSS JOIN LATERAL (SELECT ${list} FROM ${from}) AS ${value.alias}`, value: value.sql, counts: outer };
  }

  /** The columns of a lateral subquery that gives a relation's JSON and its counts, and how they are named outside of it. */
  #lateral(json: Sql, counts: readonly Counted[]) {
    const alias = this.#context.nextAlias('l');
    const columns = counts.map(({ rows }, i) => sql`${rows} AS ${raw(`n${i}`)}`);
    const outer = counts.map(({ dataset }, i): Counted => ({ dataset, rows: sql`${alias}.${raw(`n${i}`)}` }));
    return { list: join([sql`${json} AS v`, ...columns]), value: { alias, sql: sql`${alias}.v` }, outer };
  }

  /** A connection as one row: its members' values, and the counts of its page and of what is nested in it. */
  #connection(connection: ConnectionSelection, belongs?: (there: Source) => Sql): CompiledConnection {
    // Of changes it must be known whether there are any, whatever is asked of them.
    const needsPage =
      connection.changes !== undefined || connection.members.some((member) => member.kind === 'nodes' || member.kind === 'edges' || member.kind === 'pageInfo');
    const page = needsPage ? this.#page(connection, belongs) : undefined;
    const outer = this.#context.nextAlias('a');
    const nested: Counted[] = [];
    const values = connection.members.map((member) => this.#member(member, connection, { page, belongs, nested }));
    const counts = [{ dataset: connection.dataset.name, rows: page ? page.rowsInPage : raw('0') }, ...nested];
    const list = [...values.map((value, i) => sql`${value} AS ${raw(`c${i}`)}`), ...counts.map(({ rows }, i) => sql`${rows} AS ${raw(`n${i}`)}`)];
    return {
      columns: connection.members.map((member, i) => [member.key, sql`${outer}.${raw(`c${i}`)}`]),
      from: sql`(SELECT ${join(list)}${page ? sql` FROM ${page.toSql()}` : raw('')}) AS ${outer}`,
      counts: counts.map(({ dataset }, i) => ({ dataset, rows: sql`${outer}.${raw(`n${i}`)}` })),
    };
  }

  #member(member: ConnectionMember, connection: ConnectionSelection, { page, belongs, nested }: ConnectionParts): Sql {
    const take = (row: CompiledRow, on: PageScope): Sql => {
      on.joins.push(row.join);
      nested.push(...row.counts.map(({ dataset, rows }) => ({ dataset, rows: on.sum(rows) })));
      return row.value;
    };
    switch (member.kind) {
      case 'typename':
        return jsonConstant(`${connection.dataset.typeName}${connection.changes ? 'Change' : 'Connection'}`);
      case 'totalCount':
        return this.#count(connection, belongs);
      case 'nodes': {
        if (!page) throw new Error('nodes without a page');
        return page.list(take(this.#row(member.row, page), page));
      }
      case 'edges': {
        if (!page) throw new Error('edges without a page');
        const pairs = member.members.map((edge): [string, Sql] => {
          if (edge.kind === 'typename') return [edge.key, jsonConstant(`${connection.dataset.typeName}Edge`)];
          if (edge.kind === 'cursor') return [edge.key, jsonScalar(page.cursor())];
          return [edge.key, take(this.#row(edge.row, page), page)];
        });
        return page.list(jsonObject(pairs));
      }
      case 'pageInfo': {
        if (!page) throw new Error('pageInfo without a page');
        return jsonObject(member.members.map((info) => [info.key, page.info(info)]));
      }
      case 'hasMore': {
        if (!page) throw new Error('hasMore without a page');
        return page.info({ key: member.key, name: 'hasNextPage' });
      }
      case 'dataVersion': {
        if (!connection.changes) throw new Error('dataVersion without changes');
        return jsonScalar(sql`${slotSql(connection.changes.upTo)}::text`);
      }
    }
  }

  #count(connection: ConnectionSelection, belongs?: (there: Source) => Sql): Sql {
    const source = this.#context.source(connection.dataset);
    const where = this.#where(connection, source, belongs);
    return jsonNumber(sql`SELECT count(*) FROM ${source.toSql()}${where}`);
  }

  #where(connection: ConnectionSelection, source: Source, belongs?: (there: Source) => Sql, more: readonly Sql[] = []): Sql {
    const { changes } = connection;
    const conditions = [
      ...(belongs ? [belongs(source)] : []),
      ...(changes ? [sql`${source.loadId()} > ${slotSql(changes.after)} AND ${source.loadId()} <= ${slotSql(changes.upTo)}`] : []),
      ...(connection.where ? [conditionSql(connection.where, source, this.#context)] : []),
      ...more,
    ];
    return conditions.length === 0 ? raw('') : sql` WHERE ${join(conditions, ' AND ')}`;
  }

  #page(connection: ConnectionSelection, belongs?: (there: Source) => Sql): PageScope {
    const { dataset, order, page } = connection;
    const source = this.#context.source(dataset);
    const keys = totalOrder(order, source, dataset, this.#context);
    const mark = cursorFingerprint(order, dataset, this.#context);
    const beyond = [...this.#cursor(page.after, keys, mark, false), ...this.#cursor(page.before, keys, mark, true)];
    const where = this.#where(connection, source, belongs, beyond);
    return new PageScope({ connection, source, keys, mark, where, context: this.#context });
  }

  #cursor(position: CursorPosition | undefined, keys: readonly SortKey[], mark: string, before: boolean): Sql[] {
    if (position === undefined) return [];
    if (position.values.length !== keys.length) throw badCursor();
    this.cursors.push({ slot: position.fingerprint, fingerprint: mark });
    return [beyondSql(keys, position, before)];
  }
}

/** All columns of an answer are texts or bytes. */
function countText({ rows }: Counted): Sql {
  return sql`(${rows})::text`;
}

/** A cursor that is damaged, or was made for another order, or before grants changed. */
export function badCursor(): HeadgateError {
  return new HeadgateError(
    'BAD_USER_INPUT',
    'The cursor does not belong to this query: it is damaged, was made with another order, or your grants changed meanwhile. Start again without it.',
  );
}

function scopeOf(source: Source, dataset: Dataset): RowScope {
  return { dataset, named: (name) => source.named(name), isPlain: (field) => source.isPlain(field) };
}
