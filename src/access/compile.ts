import { isFetched, type Dataset } from '../catalog/index.js';
import type { DatasetDecision, MaskKeys } from '../governance/index.js';
import { sha256 } from '../kernel/index.js';
import { join, param, raw, renderParameters, sql, type Sql } from '../sql/index.js';
import { inBytes, rowsInBytes } from './answer-bytes.js';
import { KeyList } from './binding.js';
import {
  countText,
  type CompiledConnection,
  type CompiledRow,
  type ConnectionParts,
  type Counted,
  type RelationValue,
  type RootStatement,
} from './compiled-parts.js';
import { NO_STATEMENT, type CompiledRead, type Crossing } from './compiled-read.js';
import { badCursor } from './cursor-check.js';
import { keyTypes, placeholderSql } from './crossing.js';
import { pageFetch } from './fetch-page.js';
import { fetchPlan } from './fetch-plan.js';
import { conditionSql } from './filter.js';
import type { GovernedPlan } from './govern.js';
import { groupsSql } from './groups.js';
import { jsonConstant, jsonObject, type Json } from './json-object.js';
import { jsonScalar, jsonValue } from './json-value.js';
import { keepable } from './keepable.js';
import { beyondSql, cursorFingerprint, firstSql, totalOrder, type SortKey } from './order.js';
import { PageScope, type RowScope } from './page-scope.js';
import { divide, type AwayPart, type PlanPart } from './parts.js';
import { related } from './relation.js';
import { reliedColumns } from './relied-columns.js';
import type { ConnectionMember, ConnectionSelection, CursorPosition, ReadSelection, RowMember, RowSelection } from './selection.js';
import { slotSql } from './slot.js';
import { SourceContext, type Place, type Source } from './source.js';
import type { Grouping } from './summary.js';
import { Summary, type SummaryMember } from './summary-scope.js';

/**
 * Compiles a governed plan; there is no other way from a selection to SQL.
 * @param maxBytes of JSON that a statement may give; any number when absent
 */
export function compile(plan: GovernedPlan, maskKeys: MaskKeys, maxBytes?: number): CompiledRead {
  return compilePart(divide(plan), plan, { maskKeys, maxBytes });
}

interface CompileOptions {
  readonly maskKeys: MaskKeys;
  readonly maxBytes: number | undefined;
}

function compilePart(part: PlanPart | AwayPart, plan: GovernedPlan, options: CompileOptions): CompiledRead {
  const crossings = [...part.away.values()].map((away): Crossing => {
    const read = compilePart(away, plan, options);
    return { index: away.index, path: away.path, read, datasets: [...away.datasets].map(({ name }) => name) };
  });
  const { source } = part;
  if (source === undefined || isFetched(part.root)) return { ...compileStatement(part, plan, options), crossings };
  const compileAt = (place: Place): CompiledRead => ({ ...compileStatement(part, plan, options, place), crossings });
  return { ...NO_STATEMENT, crossings, elsewhere: { source, datasets: [...part.datasets], compile: compileAt } };
}

function compileStatement(
  part: PlanPart | AwayPart,
  { decisions }: GovernedPlan,
  { maskKeys, maxBytes }: CompileOptions,
  place?: Place,
): Omit<CompiledRead, 'crossings'> {
  const context = new SourceContext(decisions, maskKeys, place);
  const compiler = new Compiler(context, part.away, maxBytes);
  const { list, rest, ...columns } = compiler.statement(part, place !== undefined);
  // Last: by now it is known which columns of the tables are used.
  const { source, root } = part;
  const passing = isFetched(root) ? compiler.passing(part, context.decisionOn(root)) : [];
  const relied = reliedColumns(place);
  const { text, parameters } = renderParameters(sql`SELECT ${join([...list, ...passing, ...relied.columns])}${rest}`, place?.dialect.words);
  const fetch = source !== undefined && isFetched(root) && fetchPlan(source, context.fetchedShapes, (dataset) => context.decisionOn(dataset), part);
  return {
    name: `hg_${sha256(text).slice(0, 40)}`,
    text,
    parameters,
    ...columns,
    cursors: compiler.cursors,
    mayFail: context.hasBarrier,
    tokens: relied.tokens,
    encryption: context.encrypted.encryption,
    ...(fetch && { fetch }),
    keepable: place || fetch || part.away.size > 0 || 'from' in part || context.encrypted.isThere ? undefined : keepable(decisions),
  };
}

class Compiler {
  readonly cursors: { slot: number; fingerprint: string }[] = [];
  readonly #context: SourceContext;
  readonly #away: PlanPart['away'];
  readonly #maxBytes: number | undefined;

  constructor(context: SourceContext, away: PlanPart['away'], maxBytes: number | undefined) {
    this.#context = context;
    this.#away = away;
    this.#maxBytes = maxBytes;
  }

  /** @param isRemote whether it must give a row although there is none to give */
  statement(part: PlanPart | AwayPart, isRemote: boolean): RootStatement {
    if ('from' in part) return this.#ofKeys(part);
    const { selection } = part;
    switch (selection.kind) {
      case 'connection':
        return this.#rootConnection(selection.connection);
      case 'byKey':
        return this.#rootRow(selection, isRemote);
      case 'byKeys':
        return this.#rootRows(selection);
      default:
        throw new Error('a relation is no root');
    }
  }

  /** Of a page over fetched rows, how many of these belong to it or lie behind it; nothing where all rows are fetched. */
  passing(part: PlanPart, decision: DatasetDecision): readonly Sql[] {
    const { selection } = part;
    if (selection.kind !== 'connection' || !pageFetch(part, decision)) return [];
    const source = this.#context.source(part.root);
    const where = this.#where(selection.connection, source, undefined, this.#beyond(selection.connection, source).beyond);
    return [sql`(SELECT count(*)::text FROM ${source.toSql()}${where})`];
  }

  /** The rows of a relation for each of many keys. */
  #ofKeys({ selection, from }: AwayPart): RootStatement {
    if (selection.kind !== 'one' && selection.kind !== 'many') throw new Error('a root is no relation');
    const keys = this.#context.nextAlias('k');
    const { on } = selection.relation;
    const lists = keyTypes(selection, from).map((type, i) => param(new KeyList(i), `${type}[]`));
    const named = (name: string): Sql => sql`${keys}.${raw(`v${on.findIndex(({ local }) => local === name)}`)}`;
    const compiled = selection.kind === 'one' ? this.#one(selection, { named }) : this.#many(selection, { named });
    const sent = rowsInBytes(this.#maxBytes, compiled.value);
    return {
      list: [sql`(${keys}.i)::text`, sent.value, ...compiled.counts.map(countText), ...sent.size],
      rest: sql` FROM unnest(${join(lists)}) WITH ORDINALITY AS ${keys} (${join([...lists.map((_, i) => raw(`v${i}`)), raw('i')])})${compiled.join}`,
      counted: compiled.counts.map((count) => count.dataset),
      ...sent.bound,
    };
  }

  #rootConnection(connection: ConnectionSelection): RootStatement {
    const { columns, from, counts } = this.#connection(connection);
    // The other members are short. These are aggregates of a subquery, so that they are not computed again to be measured.
    const isLarge = connection.members.map(({ kind }) => kind === 'nodes' || kind === 'edges' || kind === 'groupBy');
    const values = columns.map(([, value]) => value);
    const sent = inBytes(this.#maxBytes, values, isLarge);
    return {
      list: [...sent.values, ...counts.map(countText), ...sent.size],
      rest: sql` FROM ${from}`,
      members: columns.map(([key]) => key),
      counted: counts.map((count) => count.dataset),
      ...sent.bound,
    };
  }

  #rootRow({ row, key }: Extract<ReadSelection, { kind: 'byKey' }>, isRemote: boolean): RootStatement {
    const source = this.#context.source(row.dataset);
    const wanted = join(
      key.map(({ field, value }) => sql`${source.key(field.name)} = ${slotSql(value)}`),
      ' AND ',
    );
    const answer = this.#row(row, scopeOf(source, row.dataset));
    const first = firstSql(source, this.#context.decisionOn(row.dataset));
    const counts = [{ dataset: row.dataset.name, rows: raw('1') }, ...answer.counts];
    const counted = counts.map((count) => count.dataset);
    const isMeasured = this.#maxBytes !== undefined;
    if (!isRemote && !isMeasured)
      return { list: [answer.value, ...counts.map(countText)], rest: sql` FROM ${source.toSql()}${answer.join} WHERE ${wanted}${first} LIMIT 1`, counted };
    const { list, value, outer } = this.#lateral(answer.value, counts);
    const inner = sql`SELECT ${list} FROM ${source.toSql()}${answer.join} WHERE ${wanted}${first} LIMIT 1`;
    const sent = inBytes(this.#maxBytes, [value.sql], [true]);
    const rest = isRemote ? sql` FROM (SELECT) AS one LEFT JOIN (${inner}) AS ${value.alias} ON TRUE` : sql` FROM (${inner}) AS ${value.alias}`;
    return { list: [...sent.values, ...outer.map(countText), ...sent.size], rest, counted, ...sent.bound };
  }

  /** A row for each key, in their order; where there is none that may be seen, all of its columns are null. */
  #rootRows({ row, key }: Extract<ReadSelection, { kind: 'byKeys' }>): RootStatement {
    const keys = this.#context.nextAlias('k');
    const source = this.#context.source(row.dataset);
    const wanted = join(
      key.map(({ field }, i) => sql`${source.key(field.name)} = ${keys}.${raw(`k${i}`)}`),
      ' AND ',
    );
    const inner = this.#row(row, scopeOf(source, row.dataset));
    const { list, value, outer } = this.#lateral(inner.value, [{ dataset: row.dataset.name, rows: raw('1') }, ...inner.counts]);
    const given = sql`unnest(${join(key.map((part) => slotSql(part.value)))}) WITH ORDINALITY AS ${keys}(${join([...key.map((_, i) => raw(`k${i}`)), raw('place')])})`;
    const first = firstSql(source, this.#context.decisionOn(row.dataset));
    const found = sql`SELECT ${list} FROM ${source.toSql()}${inner.join} WHERE ${wanted}${first} LIMIT 1`;
    const counted = outer.map((count) => count.dataset);
    const rest = sql` FROM ${given} LEFT JOIN LATERAL (${found}) AS ${value.alias} ON TRUE ORDER BY ${keys}.place`;
    const sent = rowsInBytes(this.#maxBytes, value.sql);
    return { list: [sent.value, ...outer.map(countText), ...sent.size], rest, counted, ...sent.bound };
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
        case 'many': {
          const away = this.#away.get(member);
          if (away)
            return [
              member.key,
              placeholderSql(
                away.index,
                member.relation.on.map(({ local }) => scope.named(local)),
              ),
            ];
          return [member.key, relation(member.kind === 'one' ? this.#one(member, scope) : this.#many(member, scope))];
        }
      }
    });
    return { join: join(joins, ''), value: jsonObject(pairs), counts };
  }

  #one({ relation, row }: Extract<RowMember, { kind: 'one' }>, scope: Pick<RowScope, 'named'>): RelationValue {
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

  #many({ relation, connection }: Extract<RowMember, { kind: 'many' }>, scope: Pick<RowScope, 'named'>): RelationValue {
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
    const summary = new Summary(this.#context, connection.dataset);
    const list: Sql[] = [];
    const beside: Sql[] = [];
    const columns = connection.members.map((member, i): readonly [string, Sql] => {
      const name = raw(`c${i}`);
      if (member.kind === 'totalCount' || member.kind === 'aggregate') return [member.key, summary.column(member, name)];
      if (member.kind === 'groupBy') {
        const groups = this.#groups(member.grouping, connection, belongs);
        beside.push(groups.from);
        return [member.key, groups.value];
      }
      list.push(sql`${this.#member(member, connection, { page, nested })} AS ${name}`);
      return [member.key, sql`${outer}.${name}`];
    });
    const counts = [{ dataset: connection.dataset.name, rows: page ? page.rowsInPage : raw('0') }, ...nested];
    counts.forEach(({ rows }, i) => list.push(sql`${rows} AS ${raw(`n${i}`)}`));
    const all = summary.toSql((source) => this.#where(connection, source, belongs));
    const own = sql`(SELECT ${join(list)}${page ? sql` FROM ${page.toSql()}` : raw('')}) AS ${outer}`;
    return {
      columns,
      from: join([own, ...(all ? [all] : []), ...beside], ' CROSS JOIN '),
      counts: counts.map(({ dataset }, i) => ({ dataset, rows: sql`${outer}.${raw(`n${i}`)}` })),
    };
  }

  /** The groups of a connection's rows, as a FROM item of one row, and their JSON as its column. */
  #groups(grouping: Grouping, connection: ConnectionSelection, belongs?: (there: Source) => Sql): { readonly from: Sql; readonly value: Sql } {
    const source = this.#context.source(connection.dataset);
    const where = this.#where(connection, source, belongs);
    const groups = groupsSql({ grouping, source, dataset: connection.dataset, context: this.#context, where });
    const alias = this.#context.nextAlias('b');
    return { from: sql`(${groups}) AS ${alias} (v)`, value: sql`${alias}.v` };
  }

  #member(
    member: Exclude<ConnectionMember, SummaryMember | { readonly kind: 'groupBy' }>,
    connection: ConnectionSelection,
    { page, nested }: ConnectionParts,
  ): Sql {
    const take = (row: CompiledRow, on: PageScope): Sql => {
      on.joins.push(row.join);
      nested.push(...row.counts.map(({ dataset, rows }) => ({ dataset, rows: on.sum(rows) })));
      return row.value;
    };
    switch (member.kind) {
      case 'typename':
        return jsonConstant(`${connection.dataset.typeName}${connection.changes ? 'Change' : 'Connection'}`);
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
    const source = this.#context.source(connection.dataset);
    const { keys, mark, beyond } = this.#beyond(connection, source);
    const where = this.#where(connection, source, belongs, beyond);
    return new PageScope({ connection, source, keys, mark, where, context: this.#context });
  }

  /** The order of the rows, and conditions for those between the cursors that were given. */
  #beyond({ dataset, order, page }: ConnectionSelection, source: Source) {
    const keys = totalOrder(order, source, dataset, this.#context);
    const mark = cursorFingerprint(order, dataset, this.#context);
    return { keys, mark, beyond: [...this.#cursor(page.after, keys, mark, false), ...this.#cursor(page.before, keys, mark, true)] };
  }

  #cursor(position: CursorPosition | undefined, keys: readonly SortKey[], mark: string, before: boolean): Sql[] {
    if (position === undefined) return [];
    if (position.values.length !== keys.length) throw badCursor();
    this.cursors.push({ slot: position.fingerprint, fingerprint: mark });
    return [beyondSql(keys, position, before)];
  }
}

function scopeOf(source: Source, dataset: Dataset): RowScope {
  return { dataset, named: (name) => source.named(name), isPlain: (field) => source.isPlain(field) };
}
