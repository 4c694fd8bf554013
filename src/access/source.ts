import { isFetched, LOAD_ID, ROW_ID, type Dataset, type FetchedDataset, type Field } from '../catalog/index.js';
import {
  columnsOf,
  maskSql,
  sqlMaskExpression,
  type CellCase,
  type DatasetDecision,
  type FieldDecision,
  type MaskKeys,
  type SqlMask,
} from '../governance/index.js';
import { identifier, join, literal, param, raw, sql, type Expression, type Sql } from '../sql/index.js';
import { Claimed, REDACTED_INDEX } from './binding.js';
import { cellColumns, cellsSql, SEEN, type CellColumns } from './cells.js';
import type { Slot } from './condition.js';
import { consented } from './consented.js';
import type { Dialect } from './dialect.js';
import { EncryptedUse } from './encrypted-use.js';
import { FetchedShape, FetchedTable } from './fetched-table.js';
import { keyedHash, nothing, RemoteTable, StoredTable, type RemoteShape, type Table } from './table.js';

/** Before the name of an encrypted field: the column of its blind index. No field begins with it. */
const INDEX = '_index_';

type MaskedField = Extract<FieldDecision, { access: 'masked' }>;

/**
 * One use of a dataset in a statement. Columns are asked for by name while the parts above are compiled, so that the
 * governed subquery holds those that are needed and no other.
 */
export class Source {
  readonly alias: Sql;
  readonly #decision: DatasetDecision;
  readonly #compilation: SourceContext;
  readonly #needed = new Set<string>();

  constructor(decision: DatasetDecision, context: SourceContext) {
    this.#decision = decision;
    this.#compilation = context;
    this.alias = context.nextAlias('g');
  }

  get dataset(): Dataset {
    return this.#decision.dataset;
  }

  column(field: Field): Sql {
    return this.asked(field.name);
  }

  named(name: string): Sql {
    return this.column(this.#field(name));
  }

  /** The column as rows are found by it. */
  key(name: string): Sql {
    return this.#compilation.shapeOf(this.dataset) ? this.equated(this.#field(name)) : this.named(name);
  }

  #field(name: string): Field {
    const field = this.#decision.dataset.fields.find((candidate) => candidate.name === name);
    if (field === undefined) throw new Error(`${this.#decision.dataset.name} has no field ${name}`);
    return field;
  }

  /**
   * The column for a comparison that asks only whether values are equal. At a source it has the collation of the column's
   * indexes, so that they serve: equal texts are the same in any.
   */
  equated(field: Field): Sql {
    const column = this.column(field);
    const isText = field.type === 'text' && !field.list;
    const shape = this.#compilation.shapeOf(this.#decision.dataset);
    if (!shape) return isText ? sql`${column} COLLATE "C"` : column;
    const { collation } = shape.columnOf(field);
    return isText && collation && this.#access(field) === 'plain' ? sql`${column} COLLATE ${identifier(...collation)}` : column;
  }

  /** What there is of the dataset when no row may be seen. */
  get cells(): CellColumns | undefined {
    return this.#decision.aggregate && cellColumns(this.dataset, (name) => this.asked(name));
  }

  /** A column of the governed subquery, which from now on has it. */
  asked(name: string): Sql {
    this.#needed.add(name);
    return sql`${this.alias}.${identifier(name)}`;
  }

  /** The random row id: it orders rows whose key may not be seen, and tells nothing. */
  rowId(): Sql {
    return this.asked(ROW_ID);
  }

  /** The version of the dataset's rows that brought the row. */
  loadId(): Sql {
    return this.asked(LOAD_ID);
  }

  /**
   * A test that takes longer on some values than on others, so that it is made on no row that the row filter keeps back:
   * PostgreSQL runs what is cheap by its own count first, whatever it takes, and the time would tell of a hidden row.
   */
  guarded(test: Sql): Sql {
    if (this.#decision.rows === 'all') return test;
    return sql`CASE WHEN ${this.asked(SEEN)} THEN ${test} END`;
  }

  /** Of an encrypted field, what equal values have in common: null where nothing is seen of it. */
  index(field: Field): Sql {
    return this.asked(`${INDEX}${field.name}`);
  }

  /** The blind indexes of what an encrypted field is compared with. */
  blinded(field: Field, { slot }: Slot): Sql {
    return this.#compilation.encrypted.blinded(slot, { dataset: this.#decision.dataset.id, field: field.name });
  }

  /** Is every visible value of the field as it is stored, so that contract promises (not null) hold for it? */
  isPlain(field: Field): boolean {
    // A value whose key was destroyed is null.
    if (this.#access(field) !== 'plain' || field.encrypted) return false;
    const shape = this.#compilation.shapeOf(this.#decision.dataset);
    // Nobody keeps it from being null in what an API gives.
    return !field.required || (shape ? shape.columnOf(field).notNull : !isFetched(this.dataset));
  }

  #access(field: Field): FieldDecision['access'] | undefined {
    return this.#decision.fields.get(field.name)?.access;
  }

  /**
   * The subquery directly above the table: row filter and masks, and nothing that a reader can influence. To be called
   * when all columns have been asked for.
   */
  toSql(): Sql {
    const { dataset, aggregate } = this.#decision;
    const table = this.#compilation.table(dataset);
    if (aggregate) {
      const conditions = [...(aggregate.rows === 'all' ? [] : [this.#anyOf(aggregate.rows, table)]), ...consented(this.#decision, table, this.#compilation)];
      const where = conditions.length === 0 ? raw('') : sql` WHERE ${join(conditions, ' AND ')}`;
      return sql`(${cellsSql({ dataset, aggregate, table, where, needed: [...this.#needed] })}) AS ${this.alias}`;
    }
    const columns = [...this.#needed].map((name) => {
      const field = dataset.fields.find((candidate) => candidate.name === name);
      if (field) return sql`${this.#cell(field, table)} AS ${identifier(name)}`;
      const sealed = this.#encrypted(name);
      if (sealed) return sql`${this.#cell(sealed, table, 'index')} AS ${identifier(name)}`;
      if (name === SEEN) return sql`${this.#rowFilter(table)} AS ${identifier(SEEN)}`;
      return name === LOAD_ID ? table.column(LOAD_ID) : this.#rowIdOf(table);
    });
    const { conditions, barrier } = this.#conditions(table);
    const filter = conditions.length === 0 ? raw('') : sql` WHERE ${join(conditions, ' AND ')}`;
    const list = columns.length > 0 ? join(columns) : raw('1');
    return sql`(SELECT ${list} FROM ${table.toSql()}${filter}${barrier}) AS ${this.alias}`;
  }

  /**
   * The row filter. Where a grant's condition may raise an error, a reader who asks for one row after another would
   * learn on which: so it is run on all rows, before anything that the reader said. OFFSET keeps PostgreSQL from moving
   * conditions in here, and the sort from stopping after a few rows.
   */
  #conditions(table: Table): { conditions: readonly Sql[]; barrier: Sql } {
    const { dataset, rows, fields } = this.#decision;
    const conditions = [...(rows === 'all' ? [] : [this.#grantedRows(table)]), ...consented(this.#decision, table, this.#compilation)];
    const masked = this.#maskedFields();
    const expressions = masked.flatMap(({ field, seen }) =>
      this.#expressionsOf(seen).map((mask) => ({ field, mask, ...sqlMaskExpression(mask, columnsOf(dataset)) })),
    );
    // What an expression reads of other fields is chosen by the cases of these.
    const read = expressions.flatMap(({ columns }) => columns.map((name) => fields.get(name)));
    const cases = [...masked.map(({ seen }) => seen), ...read].flatMap((seen) => (seen?.access === 'masked' ? seen.cases : []));
    const conditional = new Set(cases.flatMap(({ when }) => (when === 'always' ? [] : when)));
    const partial = [
      ...[...conditional].filter((expression) => !expression.isTotal).map((expression) => this.#anyOf([expression], table)),
      ...expressions.filter(({ isTotal }) => !isTotal).map(({ mask, field }) => this.#expression(mask, field, table)),
    ];
    if (partial.length === 0 && (typeof rows === 'string' || rows.every((expression) => expression.isTotal))) return { conditions, barrier: raw('') };
    this.#compilation.hasBarrier = true;
    // True for every row, which PostgreSQL does not know.
    const tried = partial.map((value) => sql`(${value} IS NULL OR ${value} IS NOT NULL)`);
    return { conditions: [...conditions, ...tried], barrier: sql` ORDER BY ${table.rowId()} OFFSET 0` };
  }

  #expressionsOf({ cases }: MaskedField): readonly SqlMask[] {
    return cases.flatMap(({ effect }) => (effect.kind === 'sql' ? [effect] : []));
  }

  /** Those that the subquery computes, if only to make a row's id of them. */
  #maskedFields(): { readonly field: Field; readonly seen: MaskedField }[] {
    const { dataset, fields } = this.#decision;
    const all = this.#needed.has(ROW_ID) && this.#hasComposedId;
    return dataset.fields.flatMap((field) => {
      const seen = fields.get(field.name);
      const isNeeded = all || this.#needed.has(field.name) || this.#needed.has(`${INDEX}${field.name}`);
      return seen?.access === 'masked' && isNeeded ? [{ field, seen }] : [];
    });
  }

  #rowFilter(table: Table): Sql {
    return join([this.#grantedRows(table), ...consented(this.#decision, table, this.#compilation)], ' AND ');
  }

  #grantedRows(table: Table): Sql {
    const { rows } = this.#decision;
    return rows === 'all' ? raw('TRUE') : rows === 'none' ? raw('FALSE') : this.#anyOf(rows, table);
  }

  /**
   * At a source where the contract has no key, of the row's place and what may be seen of it alone: of all of it, equal ids
   * would tell that cells are equal which the reader must not see.
   */
  #rowIdOf(table: Table): Sql {
    const { dataset, fields } = this.#decision;
    if (!this.#hasComposedId) return table.rowId();
    const seen = dataset.fields.filter(({ name }) => (fields.get(name)?.access ?? 'forbidden') !== 'forbidden');
    const texts = seen.map((field) => sql`(${this.#cell(field, table)})::text`);
    const hash = keyedHash(dataset, sql`pg_catalog.json_build_array(${join([table.place(), ...texts])})::text`, this.#compilation.maskKeys);
    return sql`${hash} AS ${identifier(ROW_ID)}`;
  }

  get #hasComposedId(): boolean {
    const { source, key } = this.#decision.dataset;
    return source !== undefined && key.length === 0;
  }

  /** The field whose blind index the column is; undefined for other columns. */
  #encrypted(name: string): Field | undefined {
    return this.#decision.dataset.fields.find((field) => field.encrypted && `${INDEX}${field.name}` === name);
  }

  /** A value that no mask stands for: of an encrypted field its envelope, with all that it takes to open it. */
  #shown(field: Field, table: Table): Sql {
    const column = table.column(field.name);
    const { dataset } = this.#decision;
    if (!field.encrypted) return column;
    const subject = dataset.subject === undefined ? undefined : table.column(dataset.subject);
    return this.#compilation.encrypted.envelope({ dataset: dataset.id, field: field.name }, column, subject);
  }

  /** @param part of an encrypted field, the value or what it is found by */
  #cell(field: Field, table: Table, part: 'value' | 'index' = 'value'): Sql {
    const seen = this.#decision.fields.get(field.name);
    if (part === 'index') {
      const index = this.#compilation.encrypted.index(table.column(field.name));
      if (seen?.access === 'plain') return index;
      return seen?.access === 'masked' ? this.#byCase(field, seen, table, (effect) => this.#indexUnder(effect, field, index)) : nothing(field);
    }
    const column = this.#shown(field, table);
    if (seen?.access === 'plain') return column;
    // A field that can't be seen never gets here; if it did, it would be null.
    if (seen?.access !== 'masked') return nothing(field);
    return this.#masked(field, seen, table, column);
  }

  #masked(field: Field, seen: MaskedField, table: Table, column: Sql): Sql {
    const { name } = this.#decision.dataset;
    const { maskKeys } = this.#compilation;
    return this.#byCase(field, seen, table, (effect) => {
      if (effect.kind === 'allow') return column;
      // A mask that must know the value can't be had of an encrypted one, and never gets here.
      if (effect.kind === 'deny' || (field.encrypted && effect.kind !== 'redact')) return nothing(field);
      if (effect.kind === 'sql') return this.#expression(effect, field, table);
      return maskSql(effect, field, name, this.#compilation.maskable(field, column), maskKeys);
    });
  }

  #indexUnder({ kind }: CellCase['effect'], field: Field, index: Sql): Sql {
    if (kind === 'allow') return index;
    return kind === 'redact' ? sql`${literal(REDACTED_INDEX)}::text` : nothing(field);
  }

  /**
   * The expression of a mask never opens more than it reads: of another field it is given what is seen plain, null where that is
   * not, and the stored value only where its grant discloses it. Of an encrypted one it is given nothing.
   */
  #expression(mask: SqlMask, field: Field, table: Table): Sql {
    const { dataset } = this.#decision;
    const column = (name: string): Sql => {
      const read = this.#field(name);
      const own = name === field.name || mask.discloses?.includes(name) === true;
      return own && !read.encrypted ? table.column(name) : this.#plainOrNull(read, table);
    };
    return maskSql(mask, field, dataset.name, table.column(field.name), this.#compilation.maskKeys, { columns: columnsOf(dataset), column });
  }

  #plainOrNull(field: Field, table: Table): Sql {
    const seen = this.#decision.fields.get(field.name);
    if (field.encrypted) return nothing(field);
    if (seen?.access === 'plain') return table.column(field.name);
    if (seen?.access !== 'masked') return nothing(field);
    return this.#byCase(field, seen, table, ({ kind }) => (kind === 'allow' ? table.column(field.name) : nothing(field)));
  }

  #byCase(field: Field, seen: MaskedField, table: Table, effect: (effect: CellCase['effect']) => Sql): Sql {
    const [first] = seen.cases;
    if (first?.when === 'always') return effect(first.effect);
    const branches: Sql[] = [];
    let otherwise = nothing(field);
    for (const { when, effect: kind } of seen.cases) {
      if (when === 'always') otherwise = effect(kind);
      // A denial closes the rows of which it is not known that they are not its own, such as with a claim that is missing.
      else if (kind.kind === 'deny') branches.push(sql`WHEN ${this.#anyOf(when, table)} IS NOT FALSE THEN ${effect(kind)}`);
      else branches.push(sql`WHEN ${this.#anyOf(when, table)} THEN ${effect(kind)}`);
    }
    return sql`CASE ${join(branches, ' ')} ELSE ${otherwise} END`;
  }

  #anyOf(expressions: readonly Expression[], table: Table): Sql {
    const pieces = expressions.map(
      (expression) => sql`(${expression.toSql({ column: (name) => table.column(name), claim: (name) => this.#compilation.claim(name) })})`,
    );
    return pieces.length === 1 && pieces[0] ? pieces[0] : sql`(${join(pieces, ' OR ')})`;
  }
}

/** Where a statement runs that is not for the store. */
export interface Place {
  readonly dialect: Dialect;
  /** Of the datasets there, by name. */
  readonly shapes: ReadonlyMap<string, RemoteShape>;
}

/** What all sources of one statement share: aliases, claims, keys of masks. */
export class SourceContext {
  readonly maskKeys: MaskKeys;
  /** A condition of a grant that may raise an error is part of the statement. */
  hasBarrier = false;
  readonly encrypted = new EncryptedUse();
  readonly #fetched = new Map<string, FetchedShape>();
  #aliases = 0;
  readonly #parameters = new Map<string, Sql>();
  readonly #decisions: ReadonlyMap<string, DatasetDecision>;
  readonly #place: Place | undefined;

  /** @param place the source that it is for; the store when absent */
  constructor(decisions: ReadonlyMap<string, DatasetDecision>, maskKeys: MaskKeys, place?: Place) {
    this.#decisions = decisions;
    this.maskKeys = maskKeys;
    this.#place = place;
  }

  table(dataset: Dataset): Table {
    const alias = this.nextAlias('t');
    const shape = this.shapeOf(dataset);
    if (shape && this.#place) return new RemoteTable({ shape, alias, dialect: this.#place.dialect, maskKeys: this.maskKeys });
    if (isFetched(dataset)) return new FetchedTable(this.#fetchedShape(dataset), alias, this.maskKeys);
    if (dataset.source) throw new Error(`${dataset.name} is not in the store`);
    return new StoredTable(dataset, alias);
  }

  /** Of the datasets in the statement whose rows an API gives. */
  get fetchedShapes(): readonly FetchedShape[] {
    return [...this.#fetched.values()];
  }

  #fetchedShape(dataset: FetchedDataset): FetchedShape {
    const shape = this.#fetched.get(dataset.name) ?? new FetchedShape(dataset);
    this.#fetched.set(dataset.name, shape);
    return shape;
  }

  /** The table's, at the source; undefined in the store. */
  shapeOf(dataset: Dataset): RemoteShape | undefined {
    return this.#place?.shapes.get(dataset.name);
  }

  maskable(field: Field, column: Sql): Sql {
    return this.#place ? this.#place.dialect.maskable(field, column) : column;
  }

  nextAlias(prefix: string): Sql {
    return raw(`${prefix}${this.#aliases++}`);
  }

  source(dataset: Dataset): Source {
    return new Source(this.decisionOn(dataset), this);
  }

  decisionOn(dataset: Dataset): DatasetDecision {
    const decision = this.#decisions.get(dataset.name);
    if (decision === undefined) throw new Error(`${dataset.name} was not decided on`);
    return decision;
  }

  purpose(name: string): Sql {
    return this.#once(`purpose ${name}`, name);
  }

  claim(name: string): Sql {
    return this.#once(`claim ${name}`, new Claimed(name));
  }

  /** One parameter for what is named in many places. */
  #once(key: string, value: unknown): Sql {
    const made = this.#parameters.get(key) ?? param(value, 'text');
    this.#parameters.set(key, made);
    return made;
  }
}
