import type { Dataset, Field } from '../catalog/index.js';
import { identifier, join, literal, raw, sql, type Sql } from '../sql/index.js';
import { jsonConstant, jsonList } from './json-object.js';
import { jsonScalar } from './json-value.js';
import { cursorSql, orderBySql, type SortKey } from './order.js';
import type { ConnectionSelection, PageInfoMember } from './selection.js';
import type { Source, SourceContext } from './source.js';

/** A row that can be read from: a source, or the page above it. */
export interface RowScope {
  readonly dataset: Dataset;
  named(name: string): Sql;
  /** Is every value of the field as it is stored? */
  isPlain(field: Field): boolean;
}

export interface PageOptions {
  readonly connection: ConnectionSelection;
  readonly source: Source;
  readonly keys: readonly SortKey[];
  /** The fingerprint that cursors of this page carry. */
  readonly mark: string;
  readonly where: Sql;
  readonly context: SourceContext;
}

/**
 * One page of a governed source: the subquery with filter, order and limit, and above it what the members read. Rows
 * are numbered, and one more than the page is fetched, only when somebody asks whether there is a next page.
 */
export class PageScope implements RowScope {
  readonly dataset: Dataset;
  /** Lateral subqueries that the members need behind the page. */
  readonly joins: Sql[] = [];
  readonly #options: PageOptions;
  readonly #alias: Sql;
  readonly #columns = new Set<string>();
  readonly #isNumbered: boolean;
  #hasCursors = false;

  constructor(options: PageOptions) {
    this.#options = options;
    this.dataset = options.connection.dataset;
    this.#alias = options.context.nextAlias('p');
    const asksForMore = options.connection.members.some(
      (member) => member.kind === 'hasMore' || (member.kind === 'pageInfo' && member.members.some((info) => info.name !== '__typename')),
    );
    this.#isNumbered = asksForMore || options.connection.page.backward;
  }

  named(name: string): Sql {
    // The source must know of it too: it is the page's input.
    this.#options.source.named(name);
    this.#columns.add(name);
    return sql`${this.#alias}.${identifier(name)}`;
  }

  isPlain(field: Field): boolean {
    return this.#options.source.isPlain(field);
  }

  cursor(): Sql {
    this.#hasCursors = true;
    const values = this.#options.keys.map((_, i) => sql`${this.#alias}.${cursorColumn(i)}`);
    return cursorSql(values, literal(this.#options.mark));
  }

  /** The JSON texts of the page's rows as a JSON list, in the order asked for. */
  list(element: Sql): Sql {
    const order = this.#options.connection.page.backward ? sql` ORDER BY ${this.#alias}._rn DESC` : raw('');
    return jsonList(element, order, this.#inPage());
  }

  get rowsInPage(): Sql {
    return sql`count(*)${this.#inPage()}`;
  }

  /** A number of each row, added up over the page. */
  sum(value: Sql): Sql {
    return sql`sum(${value})${this.#inPage()}`;
  }

  /** As JSON. */
  info({ name }: PageInfoMember): Sql {
    const { page } = this.#options.connection;
    const more = jsonScalar(sql`count(*) > ${raw(String(page.limit))}`);
    switch (name) {
      case '__typename':
        return jsonConstant('PageInfo');
      case 'hasNextPage':
        return page.backward ? jsonConstant(page.before !== undefined) : more;
      case 'hasPreviousPage':
        return page.backward ? more : jsonConstant(page.after !== undefined || page.offset > 0);
      case 'startCursor':
        return jsonScalar(page.backward ? this.#lastCursor() : this.#firstCursor());
      case 'endCursor':
        return jsonScalar(page.backward ? this.#firstCursor() : this.#lastCursor());
    }
  }

  /** To be called last, since it holds the columns that the members asked for. */
  toSql(): Sql {
    const { connection, keys, source, where } = this.#options;
    const { limit, offset, backward } = connection.page;
    const columns = [...this.#columns].map((name) => sql`${source.named(name)} AS ${identifier(name)}`);
    if (this.#hasCursors) keys.forEach((key, i) => columns.push(sql`${key.value} AS ${cursorColumn(i)}`));
    const order = orderBySql(keys, backward);
    const bound = raw(` LIMIT ${limit + (this.#isNumbered ? 1 : 0)}${offset > 0 ? ` OFFSET ${offset}` : ''}`);
    const rows = sql`SELECT ${columns.length > 0 ? join(columns) : raw('1')} FROM ${source.toSql()}${where} ORDER BY ${order}${bound}`;
    // Numbered above the limit: below it, the window would make PostgreSQL sort all rows instead of keeping the first few.
    const page = this.#isNumbered ? sql`SELECT q.*, row_number() OVER () AS _rn FROM (${rows}) AS q` : rows;
    return sql`(${page}) AS ${this.#alias}${join(this.joins, '')}`;
  }

  #inPage(): Sql {
    return this.#isNumbered ? sql` FILTER (WHERE ${this.#alias}._rn <= ${raw(String(this.#options.connection.page.limit))})` : raw('');
  }

  #firstCursor(): Sql {
    return sql`max(${this.cursor()}) FILTER (WHERE ${this.#alias}._rn = 1 AND ${raw(String(this.#options.connection.page.limit > 0))})`;
  }

  #lastCursor(): Sql {
    // The cursors in row order, cut at the page's length: its last element, whatever the number of rows.
    const cursors = sql`array_agg(${this.cursor()} ORDER BY ${this.#alias}._rn)${this.#inPage()}`;
    return sql`(${cursors})[least(count(*), ${raw(String(this.#options.connection.page.limit))})]`;
  }
}

/** Like `_rn`: a name that no field can have, since names begin with a letter. */
function cursorColumn(i: number): Sql {
  return raw(`_k${i}`);
}
