import type { Dataset, Field } from '../catalog/index.js';
import type { AggregateDecision } from '../governance/index.js';
import { identifier, join, raw, sql, type Sql } from '../sql/index.js';
import { measureSql, positiveZero, trimmed, type Quantity } from './measure.js';

import type { Table } from './table.js';

/**
 * Under a grant with `aggregateOnly` what lies directly above the table gives cells and no rows: of each combination of all
 * dimensions that enough subjects have, one row with the dimensions, the number of rows, and of each measure the sum and the
 * number of values. So whatever a reader says above it takes whole cells or leaves them; a part of one is not there to be taken.
 *
 * PostgreSQL moves conditions on dimensions below the grouping, where they take whole cells as well: equal dimensions are the
 * same value, to the byte.
 */
export interface CellColumns {
  /** Rows in the cell. */
  rows(): Sql;
  /** Those in which the measure has a value; 0 where these are of too few subjects. */
  values(field: Field): Sql;
  /** The sum of the measure; null where its values are of too few subjects. */
  sum(field: Field): Sql;
}

/** Names that no field can have. */
const ROWS = '_rows';
const SUM = '_sum';
const VALUES = '_values';
/** Of a governed subquery: whether the row is one of those that its row filter lets through, or the cell one that is given. */
export const SEEN = '_seen';

/** The columns of cells, by what `column` makes of their names. */
export function cellColumns(dataset: Dataset, column: (name: string) => Sql): CellColumns {
  // By number, since a name can be as long as names can be.
  const named = (prefix: string, field: Field): Sql => column(`${prefix}${dataset.fields.findIndex(({ name }) => name === field.name)}`);
  return { rows: () => column(ROWS), values: (field) => named(VALUES, field), sum: (field) => named(SUM, field) };
}

export interface CellsOptions {
  readonly dataset: Dataset;
  readonly aggregate: AggregateDecision;
  readonly table: Table;
  /** With its WHERE, or empty. */
  readonly where: Sql;
  /** Dimensions, and names of `cellColumns`. */
  readonly needed: readonly string[];
}

/** The cells that are in answers, as a query. */
export function cellsSql({ dataset, aggregate, table, where, needed }: CellsOptions): Sql {
  const dimensions = new Map(aggregate.dimensions.map((name) => [name, dimensionSql(fieldOf(dataset, name), table)]));
  const kept = isKept(dataset, aggregate, table);
  const columns = needed.map((name) => sql`${cellColumn(name, { dataset, aggregate, table, dimensions, kept })} AS ${identifier(name)}`);
  const list = columns.length > 0 ? join(columns) : raw('1');
  const from = sql`SELECT ${list} FROM ${table.toSql()}${where}`;
  return sql`${from} GROUP BY ${join([...dimensions.values()])} HAVING ${kept}`;
}

interface CellContext extends Pick<CellsOptions, 'dataset' | 'aggregate' | 'table'> {
  readonly dimensions: ReadonlyMap<string, Sql>;
  readonly kept: Sql;
}

function cellColumn(name: string, { dataset, aggregate, table, dimensions, kept }: CellContext): Sql {
  const dimension = dimensions.get(name);
  if (dimension) return dimension;
  if (name === ROWS) return raw('count(*)');
  if (name === SEEN) return kept;
  const [, kind, index] = /^(_sum|_values)(\d+)$/.exec(name) ?? [];
  const field = dataset.fields[Number(index)];
  // `govern` refuses all else, and nothing of a field comes from here that the decision does not name.
  if (!field || !aggregate.measures.includes(field.name)) throw new Error(`${name} of ${dataset.name} is in no cell`);
  const value = table.column(field.name);
  const told = isKept(dataset, aggregate, table, value);
  if (kind === VALUES) return sql`CASE WHEN ${told} THEN count(${value}) ELSE 0 END`;
  return sql`CASE WHEN ${told} THEN ${sumSql(field, value)} END`;
}

/** Decimals of more digits have sums that a decimal can't hold, and PostgreSQL would raise an error. */
const LARGEST_DECIMAL = '1e130000';

/**
 * Sums are made of all cells, of those too that are not given: so no value may raise an error, which would tell of it. Decimals are taken as
 * floats are: NaN, the infinities and what is too large have no sum.
 */
function sumSql(field: Field, value: Sql): Sql {
  if (field.type !== 'decimal') return measureSql('sum', field, value);
  const summable = sql`FILTER (WHERE ${value} > ${raw(`'-${LARGEST_DECIMAL}'`)}::numeric AND ${value} < ${raw(`'${LARGEST_DECIMAL}'`)}::numeric)`;
  return sql`CASE WHEN count(${value}) = count(${value}) ${summable} THEN sum(${value}) ${summable} END`;
}

/**
 * Whether enough subjects have a row in the cell, or a value of a measure. Rows of nobody are all of one and the same: they could be.
 * @param value of the measure
 */
function isKept(dataset: Dataset, { minGroup }: AggregateDecision, table: Table, value?: Sql): Sql {
  const least = raw(String(minGroup));
  const having = value ? sql`${value} IS NOT NULL` : undefined;
  if (dataset.subject === undefined) return sql`(${value ? sql`count(${value})` : raw('count(*)')} >= ${least})`;
  const subject = table.column(dataset.subject);
  const filter = having ? sql` FILTER (WHERE ${having})` : raw('');
  const nobody = sql`(CASE WHEN bool_or(${subject} IS NULL)${filter} THEN 1 ELSE 0 END)`;
  return sql`(count(DISTINCT ${subject})${filter} + ${nobody} >= ${least})`;
}

/** Texts are equal when they are the same, whatever the collation of the column says. */
function dimensionSql(field: Field, table: Table): Sql {
  const value = table.column(field.name);
  return field.type === 'text' ? sql`(${value} COLLATE "C")` : value;
}

function fieldOf(dataset: Dataset, name: string): Field {
  const field = dataset.fields.find((candidate) => candidate.name === name);
  if (!field) throw new Error(`${dataset.name} has no field ${name}`);
  return field;
}

/**
 * A quantity over cells: the same number as over their rows. Only sums of floats can differ, in their last digits, since they are rounded
 * at each step: within a cell they are added by size, and then the cells by the size of their sums, so that the result depends on the
 * cells that are in it and on nothing else.
 */
export function cellQuantitySql(quantity: Quantity, cells: CellColumns): Sql {
  if (quantity.kind === 'count') return sql`coalesce(sum(${cells.rows()}), 0)`;
  const { measure, field } = quantity;
  if (measure !== 'sum' && measure !== 'avg') throw new Error(`there is no ${measure} over cells`);
  const [part, values] = [cells.sum(field), cells.values(field)];
  const isFloat = field.type === 'float';
  const sum = isFloat ? sql`sum(${part} ORDER BY ${part})` : sql`sum(${part})`;
  const all = sql`nullif(sum(${values}), 0)`;
  const value = measure === 'sum' ? sum : isFloat ? sql`${sum} / ${all}::float8` : sql`${trimmed}(${sum} / ${all})`;
  if (!isFloat && field.type !== 'decimal') return value;
  // A cell with values and without a sum has some that can't be added up.
  return sql`CASE WHEN count(${part}) = count(*) FILTER (WHERE ${values} > 0) THEN ${isFloat ? positiveZero(value) : value} END`;
}
