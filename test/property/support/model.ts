import type { ScalarType } from '../../../src/catalog/index.js';
import type { Principal } from '../../../src/identity/index.js';

/** A value as the reference holds it: text and decimals as strings, bigint as a bigint, times in one form that sorts. Null is SQL's. */
export type Cell = Json | bigint | readonly Cell[];
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

export interface FieldModel {
  readonly name: string;
  readonly graphqlName: string;
  readonly type: ScalarType;
  readonly list: boolean;
  readonly required: boolean;
  readonly tags: readonly string[];
  readonly visibility: 'listed' | 'secret';
}

export interface RelationModel {
  readonly name: string;
  readonly graphqlName: string;
  readonly to: string;
  readonly on: readonly { readonly local: string; readonly remote: string }[];
  readonly many: boolean;
}

export interface DatasetModel {
  readonly name: string;
  readonly graphqlName: string;
  readonly typeName: string;
  readonly visibility: 'listed' | 'secret';
  readonly fields: readonly FieldModel[];
  /** Empty for a dataset without one. */
  readonly key: readonly string[];
  readonly relations: readonly RelationModel[];
}

export interface Row {
  /** The random row id, in hex. */
  readonly rid: string;
  readonly cells: Readonly<Record<string, Cell>>;
}

export type Mask =
  | { readonly mask: 'redact' | 'nullify' | 'email' | 'year' }
  | { readonly mask: 'hash' | 'tokenize'; readonly scope?: string }
  | { readonly mask: 'range'; readonly step: string }
  | { readonly mask: 'partial'; readonly first: number; readonly last: number; readonly with: string }
  | { readonly mask: 'truncate'; readonly to: 'month' | 'day' | 'hour' }
  | { readonly mask: 'round'; readonly step: string };
export type Effect = 'allow' | 'deny' | Mask;

/** A grant's condition on rows, as SQL and as what it means; null is SQL's unknown. */
export interface RowFilter {
  readonly sql: string;
  readonly fields: readonly string[];
  readonly holds: (cells: Row['cells'], claims: Readonly<Record<string, unknown>>) => boolean | null;
}

/** A grant as its manifest has it. */
export interface GrantModel {
  readonly name: string;
  readonly to: { readonly roles?: readonly string[]; readonly subjects?: readonly string[]; readonly anonymous?: boolean };
  readonly on: { readonly datasets?: readonly string[]; readonly tags?: readonly string[] };
  readonly purposes?: readonly string[];
  readonly rights?: readonly string[];
  readonly rows?: RowFilter;
  readonly fields: Readonly<Record<string, Effect>>;
}

/** Datasets with rows, grants on them, and those who ask. */
export interface World {
  readonly datasets: readonly DatasetModel[];
  readonly rows: Readonly<Record<string, readonly Row[]>>;
  readonly grants: readonly GrantModel[];
  readonly askers: readonly Principal[];
}

/** The value of a field in a row. */
export function cellOf({ cells }: Pick<Row, 'cells'>, name: string): Cell {
  return cells[name] ?? null;
}

/** A number, a text, true or false as they are written. */
export function textOf(cell: Cell): string {
  return String(cell as string | number | bigint | boolean);
}

export function fieldOf(dataset: DatasetModel, name: string): FieldModel {
  const field = dataset.fields.find((candidate) => candidate.name === name);
  if (!field) throw new Error(`${dataset.name} has no field ${name}`);
  return field;
}

export function datasetOf(world: Pick<World, 'datasets'>, name: string): DatasetModel {
  const dataset = world.datasets.find((candidate) => candidate.name === name);
  if (!dataset) throw new Error(`there is no dataset ${name}`);
  return dataset;
}
