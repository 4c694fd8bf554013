import {
  GraphQLBoolean,
  GraphQLInputObjectType,
  GraphQLInt,
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
  GraphQLString,
  type GraphQLFieldConfig,
  type GraphQLFieldConfigArgumentMap,
  type GraphQLFieldConfigMap,
  type GraphQLInputFieldConfigMap,
  type GraphQLOutputType,
} from 'graphql';
import { areApart, type Catalog, type Dataset, type Field, type Relation } from '../../catalog/index.js';
import { aggregateTypes, groupByArgs, type AggregateTypes } from './aggregate-types.js';
import { BigIntScalar } from '../scalars.js';
import { filterType, SCALARS, SortDirection } from './filter-types.js';

/** A root field of the data plane, and what it reads. */
export interface DatasetRoot {
  readonly dataset: Dataset;
  readonly kind: 'connection' | 'byKey' | 'changes';
  readonly config: GraphQLFieldConfig<unknown, unknown>;
}

/** The types of one dataset. */
export interface DatasetTypes extends AggregateTypes {
  readonly dataset: Dataset;
  readonly row: GraphQLObjectType;
  readonly connection: GraphQLObjectType;
  readonly edge: GraphQLObjectType;
  readonly change: GraphQLObjectType;
  readonly where: GraphQLInputObjectType;
  readonly orderBy: GraphQLInputObjectType;
}

/** The data plane's part of a schema: a pure function of the catalog. */
export interface DataPlane {
  readonly roots: ReadonlyMap<string, DatasetRoot>;
  /** The root fields of `Subscription`. */
  readonly changes: ReadonlyMap<string, DatasetRoot>;
  readonly types: ReadonlyMap<string, DatasetTypes>;
  /** Those of datasets with a key, by the name of the row's type. */
  readonly entities: ReadonlyMap<string, DatasetTypes>;
}

/** @param pageInfo the type that both planes share */
export function buildDataPlane(catalog: Catalog, pageInfo: GraphQLObjectType): DataPlane {
  const builder = new Builder(catalog, pageInfo);
  const types = new Map<string, DatasetTypes>();
  const roots = new Map<string, DatasetRoot>();
  const entities = new Map<string, DatasetTypes>();
  const changes = new Map<string, DatasetRoot>();
  for (const dataset of catalog.datasets.values()) {
    const made = builder.typesOf(dataset);
    types.set(dataset.name, made);
    if (keyFields(dataset).length > 0) entities.set(dataset.typeName, made);
    for (const [name, root] of rootsOf(dataset, made)) roots.set(name, root);
    // Nobody tells us of changes at a source.
    if (dataset.source === undefined) changes.set(`${dataset.graphqlName}Changed`, changesOf(dataset, made));
  }
  return { roots, changes, types, entities };
}

function changesOf(dataset: Dataset, { change, where }: DatasetTypes): DatasetRoot {
  const args = {
    where: { type: where, description: 'Only rows of which this holds.' },
    first: { type: GraphQLInt, description: 'Rows of one event at the most; as many as a page may hold when it is left out.' },
  };
  const description = `Rows of ${dataset.name} that loads and pipelines bring from now on, as you may see them at that moment. Nothing comes for rows that are deleted.`;
  return { dataset, kind: 'changes', config: { type: change, args, description } };
}

function rootsOf(dataset: Dataset, types: DatasetTypes): [string, DatasetRoot][] {
  const description = dataset.description ?? `Rows of the dataset ${dataset.name}.`;
  const roots: [string, DatasetRoot][] = [
    [dataset.graphqlName, { dataset, kind: 'connection', config: { type: types.connection, args: connectionArgs(types), description } }],
  ];
  const key = keyFields(dataset);
  if (key.length > 0) {
    const args = Object.fromEntries(key.map((field) => [field.graphqlName, { type: new GraphQLNonNull(SCALARS[field.type]) }]));
    const config = { type: types.row, args, description: `One row of ${dataset.name} by its key; null when there is none.` };
    roots.push([`${dataset.graphqlName}ByKey`, { dataset, kind: 'byKey', config }]);
  }
  return roots;
}

/** The key's fields; none when the view hides one of them. */
export function keyFields(dataset: Dataset): readonly Field[] {
  const fields = dataset.key.flatMap((name) => dataset.fields.find((field) => field.name === name) ?? []);
  return fields.length === dataset.key.length ? fields : [];
}

function connectionArgs(types: DatasetTypes): GraphQLFieldConfigArgumentMap {
  return {
    first: { type: GraphQLInt, description: 'Rows from the start, or behind `after`.' },
    after: { type: GraphQLString, description: 'A cursor: rows behind it.' },
    last: { type: GraphQLInt, description: 'Rows from the end, or before `before`.' },
    before: { type: GraphQLString, description: 'A cursor: rows before it.' },
    offset: { type: GraphQLInt, description: 'Rows to leave out first; cursors are faster and stay right while rows arrive.' },
    where: { type: types.where },
    orderBy: { type: new GraphQLList(new GraphQLNonNull(types.orderBy)), description: 'The key, or a row id that tells nothing, always comes last.' },
  };
}

class Builder {
  readonly #catalog: Catalog;
  readonly #pageInfo: GraphQLObjectType;
  readonly #made = new Map<string, DatasetTypes>();
  readonly #manyFilters = new Map<string, GraphQLInputObjectType>();

  constructor(catalog: Catalog, pageInfo: GraphQLObjectType) {
    this.#catalog = catalog;
    this.#pageInfo = pageInfo;
  }

  typesOf(dataset: Dataset): DatasetTypes {
    const found = this.#made.get(dataset.name);
    if (found) return found;
    const name = dataset.typeName;
    const row: GraphQLObjectType = new GraphQLObjectType({ name, ...described(dataset.description), fields: () => this.#rowFields(dataset) });
    const edge = new GraphQLObjectType({
      name: `${name}Edge`,
      fields: { node: { type: new GraphQLNonNull(row) }, cursor: { type: new GraphQLNonNull(GraphQLString) } },
    });
    const summaries = aggregateTypes(dataset, (relation) => this.#target(relation));
    const connection = new GraphQLObjectType({
      name: `${name}Connection`,
      description: `A page of ${dataset.name}.`,
      fields: {
        nodes: { type: nonNullList(row) },
        edges: { type: nonNullList(edge) },
        pageInfo: { type: new GraphQLNonNull(this.#pageInfo) },
        totalCount: { type: new GraphQLNonNull(GraphQLInt), description: 'All rows of `where`, not of the page.' },
        ...summaryFields(summaries),
      },
    });
    const change = new GraphQLObjectType({
      name: `${name}Change`,
      description: `Rows of ${dataset.name} that are new, or were written anew.`,
      fields: {
        dataVersion: { type: new GraphQLNonNull(BigIntScalar), description: 'The version of the rows that the event is up to.' },
        nodes: { type: nonNullList(row) },
        totalCount: { type: new GraphQLNonNull(GraphQLInt), description: 'All changed rows of `where`, not only those in `nodes`.' },
        hasMore: { type: new GraphQLNonNull(GraphQLBoolean), description: 'More rows changed than `nodes` holds: ask for them by a query.' },
      },
    });
    const where: GraphQLInputObjectType = new GraphQLInputObjectType({
      name: `${name}Where`,
      description: `Conditions on ${dataset.name}; all that are given must hold.`,
      fields: () => this.#whereFields(dataset, where),
    });
    const orderBy = new GraphQLInputObjectType({
      name: `${name}OrderBy`,
      description: 'Exactly one field.',
      isOneOf: true,
      fields: () => this.#orderFields(dataset),
    });
    const types = { dataset, row, connection, edge, change, where, orderBy, ...summaries };
    this.#made.set(dataset.name, types);
    return types;
  }

  #rowFields(dataset: Dataset): GraphQLFieldConfigMap<unknown, unknown> {
    const fields: GraphQLFieldConfigMap<unknown, unknown> = {};
    for (const field of dataset.fields) {
      const scalar: GraphQLOutputType = SCALARS[field.type];
      fields[field.graphqlName] = {
        type: field.list ? new GraphQLList(scalar) : scalar,
        ...described(fieldDescription(field)),
        ...(field.deprecated !== undefined && { deprecationReason: field.deprecated }),
        extensions: { headgate: { field } },
      };
    }
    for (const relation of dataset.relations) {
      const target = this.#target(relation);
      fields[relation.graphqlName] = {
        type: relation.many ? target.connection : target.row,
        ...(relation.many && { args: connectionArgs(target) }),
        ...described(relation.description),
        extensions: { headgate: { relation, target: target.dataset } },
      };
    }
    return fields;
  }

  #whereFields(dataset: Dataset, where: GraphQLInputObjectType): GraphQLInputFieldConfigMap {
    const conditions = new GraphQLList(new GraphQLNonNull(where));
    const fields: GraphQLInputFieldConfigMap = { and: { type: conditions }, or: { type: conditions }, not: { type: where } };
    for (const field of dataset.fields) fields[field.graphqlName] = { type: filterType(field) };
    for (const relation of dataset.relations) {
      const target = this.#target(relation);
      // No one place could answer it.
      if (areApart(dataset, target.dataset)) continue;
      fields[relation.graphqlName] = { type: relation.many ? this.#manyFilter(target) : target.where };
    }
    return fields;
  }

  #manyFilter(target: DatasetTypes): GraphQLInputObjectType {
    const name = `${target.dataset.typeName}ManyFilter`;
    const found = this.#manyFilters.get(name);
    if (found) return found;
    const of = { type: target.where };
    const made = new GraphQLInputObjectType({
      name,
      description: 'Conditions on the related rows; all that are given must hold.',
      fields: () => ({ some: of, every: of, none: of }),
    });
    this.#manyFilters.set(name, made);
    return made;
  }

  #orderFields(dataset: Dataset): GraphQLInputFieldConfigMap {
    const fields: GraphQLInputFieldConfigMap = {};
    for (const field of dataset.fields) if (!field.list && field.type !== 'json' && !field.encrypted) fields[field.graphqlName] = { type: SortDirection };
    for (const relation of dataset.relations) {
      const target = this.#target(relation);
      if (!relation.many && !areApart(dataset, target.dataset)) fields[relation.graphqlName] = { type: target.orderBy };
    }
    return fields;
  }

  #target(relation: Relation): DatasetTypes {
    const dataset = this.#catalog.datasets.get(relation.to);
    if (dataset === undefined) throw new Error(`relation ${relation.name} leads to ${relation.to}, which the catalog has not`);
    return this.typesOf(dataset);
  }
}

function summaryFields({ aggregate, groups }: AggregateTypes): GraphQLFieldConfigMap<unknown, unknown> {
  return {
    aggregate: { type: new GraphQLNonNull(aggregate), description: 'Over all rows of `where`, not of the page.' },
    ...(groups && {
      groupBy: { type: nonNullList(groups.group), args: groupByArgs(groups), description: 'The rows of `where`, not of the page, in groups with equal keys.' },
    }),
  };
}

function nonNullList(type: GraphQLObjectType): GraphQLOutputType {
  return new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(type)));
}

function described(description: string | undefined): { description?: string } {
  return description === undefined ? {} : { description };
}

function fieldDescription(field: Field): string | undefined {
  const tags = field.tags.length > 0 ? `Tags: ${field.tags.join(', ')}.` : undefined;
  const encrypted = field.encrypted ? 'Encrypted: it can be compared by eq and in, and neither ordered nor grouped by.' : undefined;
  return [field.description, encrypted, tags].filter((part) => part !== undefined).join('\n\n') || undefined;
}
