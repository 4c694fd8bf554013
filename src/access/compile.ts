import type { Dataset } from '../catalog/index.js';
import type { MaskKeys } from '../governance/index.js';
import { HeadgateError, sha256 } from '../kernel/index.js';
import { join, literal, raw, renderParameters, sql, type Parameter, type Sql } from '../sql/index.js';
import { conditionSql, slotSql } from './filter.js';
import type { GovernedPlan } from './govern.js';
import { jsonObject } from './json-object.js';
import { jsonValue } from './json-value.js';
import { beyondSql, cursorFingerprint, totalOrder, type SortKey } from './order.js';
import { PageScope, type RowScope } from './page-scope.js';
import { related } from './relation.js';
import type { ConnectionMember, ConnectionSelection, CursorPosition, RowSelection } from './selection.js';
import { SourceContext, type Source } from './source.js';

/** One SQL statement for one root field; its one row is (the answer as JSON text, the number of rows in it). */
export interface CompiledRead {
  readonly name: string;
  readonly text: string;
  readonly parameters: readonly Parameter[];
  /** Cursors that the request gave must carry these fingerprints. */
  readonly cursors: readonly { readonly slot: number; readonly fingerprint: string }[];
}

/** Compiles a governed plan; there is no other way from a selection to SQL. */
export function compile(plan: GovernedPlan, maskKeys: MaskKeys): CompiledRead {
  const compiler = new Compiler(new SourceContext(plan.decisions, maskKeys));
  const statement = plan.selection.kind === 'connection' ? compiler.rootConnection(plan.selection.connection) : compiler.rootRow(plan.selection);
  const { text, parameters } = renderParameters(statement);
  return { name: `hg_${sha256(text).slice(0, 40)}`, text, parameters, cursors: compiler.cursors };
}

class Compiler {
  readonly cursors: { slot: number; fingerprint: string }[] = [];
  readonly #context: SourceContext;

  constructor(context: SourceContext) {
    this.#context = context;
  }

  rootConnection(connection: ConnectionSelection): Sql {
    const { columns, from, rows } = this.#connection(connection);
    const answer = jsonObject(columns, this.#context.nextAlias('o'));
    return sql`SELECT ${answer.value}::text, ${rows} FROM ${from}${answer.join}`;
  }

  rootRow({ row, key }: Extract<GovernedPlan['selection'], { kind: 'byKey' }>): Sql {
    const source = this.#context.source(row.dataset);
    const wanted = join(
      key.map(({ field, value }) => sql`${source.column(field)} = ${slotSql(value)}`),
      ' AND ',
    );
    const answer = this.#row(row, scopeOf(source, row.dataset));
    return sql`SELECT ${answer.value}::text, 1 FROM ${source.toSql()}${answer.join} WHERE ${wanted} LIMIT 1`;
  }

  /** The members of a row as one JSON object. */
  #row(row: RowSelection, scope: RowScope): { join: Sql; value: Sql } {
    const pairs = row.members.map((member): [string, Sql] => {
      switch (member.kind) {
        case 'typename':
          return [member.key, sql`${literal(row.dataset.typeName)}::text`];
        case 'nothing':
          return [member.key, raw('NULL::json')];
        case 'field':
          return [member.key, jsonValue(member.field, scope.named(member.field.name))];
        case 'one': {
          const there = this.#context.source(member.row.dataset);
          const keys = related(member.relation, scope, there);
          const inner = this.#row(member.row, scopeOf(there, member.row.dataset));
          return [member.key, sql`(SELECT ${inner.value} FROM ${there.toSql()}${inner.join} WHERE ${keys} LIMIT 1)`];
        }
        case 'many': {
          const { columns, from } = this.#connection(member.connection, (there) => related(member.relation, scope, there));
          const object = jsonObject(columns, this.#context.nextAlias('o'));
          return [member.key, sql`(SELECT ${object.value} FROM ${from}${object.join})`];
        }
      }
    });
    return jsonObject(pairs, this.#context.nextAlias('n'));
  }

  /** A connection as one row: its members' values, the FROM item that they read, and the number of rows of the page. */
  #connection(connection: ConnectionSelection, belongs?: (there: Source) => Sql): { columns: [string, Sql][]; from: Sql; rows: Sql } {
    const needsPage = connection.members.some((member) => member.kind === 'nodes' || member.kind === 'edges' || member.kind === 'pageInfo');
    const page = needsPage ? this.#page(connection, belongs) : undefined;
    const outer = this.#context.nextAlias('a');
    const aggregates: Sql[] = [];
    const columns = connection.members.map((member): [string, Sql] => {
      const value = this.#member(member, connection, page, belongs);
      aggregates.push(sql`${value} AS ${raw(`c${aggregates.length}`)}`);
      return [member.key, sql`${outer}.${raw(`c${aggregates.length - 1}`)}`];
    });
    const rows = page ? page.rowsInPage : raw('0');
    aggregates.push(sql`${rows} AS n`);
    const from = page ? sql` FROM ${page.toSql()}` : raw('');
    return { columns, from: sql`(SELECT ${join(aggregates)}${from}) AS ${outer}`, rows: sql`${outer}.n` };
  }

  #member(member: ConnectionMember, connection: ConnectionSelection, page: PageScope | undefined, belongs?: (there: Source) => Sql): Sql {
    switch (member.kind) {
      case 'typename':
        return sql`${literal(`${connection.dataset.typeName}Connection`)}::text`;
      case 'totalCount':
        return this.#count(connection, belongs);
      case 'nodes': {
        if (!page) throw new Error('nodes without a page');
        const row = this.#row(member.row, page);
        page.joins.push(row.join);
        return page.list(row.value);
      }
      case 'edges': {
        if (!page) throw new Error('edges without a page');
        const pairs = member.members.map((edge): [string, Sql] => {
          if (edge.kind === 'typename') return [edge.key, sql`${literal(`${connection.dataset.typeName}Edge`)}::text`];
          if (edge.kind === 'cursor') return [edge.key, page.cursor()];
          const row = this.#row(edge.row, page);
          page.joins.push(row.join);
          return [edge.key, row.value];
        });
        const edge = jsonObject(pairs, this.#context.nextAlias('e'));
        page.joins.push(edge.join);
        return page.list(edge.value);
      }
      case 'pageInfo': {
        if (!page) throw new Error('pageInfo without a page');
        const pairs = member.members.map((info): readonly [string, Sql] => [info.key, page.info(info)]);
        // Aggregates can't be read from a lateral subquery beside them, so the object is built by the function.
        return sql`json_build_object(${join(pairs.map(([key, value]) => sql`${literal(key)}, ${value}`))})`;
      }
    }
  }

  #count(connection: ConnectionSelection, belongs?: (there: Source) => Sql): Sql {
    const source = this.#context.source(connection.dataset);
    const where = this.#where(connection, source, belongs);
    return sql`(SELECT count(*) FROM ${source.toSql()}${where})`;
  }

  #where(connection: ConnectionSelection, source: Source, belongs?: (there: Source) => Sql, more: readonly Sql[] = []): Sql {
    const conditions = [...(belongs ? [belongs(source)] : []), ...(connection.where ? [conditionSql(connection.where, source, this.#context)] : []), ...more];
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

/** A cursor that is damaged, or was made for another order, or before grants changed. */
export function badCursor(): HeadgateError {
  return new HeadgateError(
    'BAD_USER_INPUT',
    'The cursor does not belong to this query: it is damaged, was made with another order, or your grants changed meanwhile. Start again without it.',
  );
}

function scopeOf(source: Source, dataset: Dataset): RowScope {
  return { dataset, named: (name) => source.named(name) };
}
