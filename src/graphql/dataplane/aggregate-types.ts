import {
  GraphQLBoolean,
  GraphQLEnumType,
  GraphQLInputObjectType,
  GraphQLInt,
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
  type GraphQLFieldConfigMap,
  type GraphQLInputFieldConfigMap,
} from 'graphql';
import { MEASURES, measureType, TRUNCATIONS, type MeasureFunction } from '../../access/index.js';
import { areApart, type Dataset, type Field, type Relation } from '../../catalog/index.js';
import { pascalCase } from '../../kernel/index.js';
import { BigIntScalar } from '../scalars.js';
import { filterType, SCALARS, SortDirection } from './filter-types.js';

/** The types with which one dataset's rows are counted, measured and grouped. */
export interface AggregateTypes {
  readonly aggregate: GraphQLObjectType;
  /** Absent for a dataset that has no field to group by. */
  readonly groups?: GroupTypes;
}

export interface GroupTypes {
  readonly group: GraphQLObjectType;
  readonly keys: GraphQLObjectType;
  readonly key: GraphQLInputObjectType;
  readonly having: GraphQLInputObjectType;
  readonly keyOrder: GraphQLInputObjectType;
  readonly orderBy: GraphQLInputObjectType;
}

/** The measures that groups can be ordered by and chosen by. */
const STEERING = ['sum', 'avg', 'min', 'max'] as const satisfies readonly MeasureFunction[];

const DESCRIPTIONS: Readonly<Record<MeasureFunction, string>> = {
  countDistinct: 'How many different values there are; nulls are not counted.',
  sum: 'Of a float that is not a number or too large to add (1e140), null.',
  avg: 'The mean of the values that are not null.',
  min: 'The least value; text by code point.',
  max: 'The greatest value; text by code point.',
  stddev: 'The standard deviation of a sample; null for one value.',
  variance: 'The variance of a sample; null for one value.',
};

export const DateTruncation = new GraphQLEnumType({
  name: 'DateTruncation',
  description: 'To what a date or time is cut, in UTC. Weeks begin on Monday.',
  values: Object.fromEntries(['NONE', ...TRUNCATIONS].map((name) => [name, {}])),
});

/** Makes the types of one dataset; `of` gives those of a related one. */
export function aggregateTypes(dataset: Dataset, of: (relation: Relation) => AggregateTypes & { readonly dataset: Dataset }): AggregateTypes {
  const { typeName } = dataset;
  const aggregate = new GraphQLObjectType({
    name: `${typeName}Aggregate`,
    description: `Numbers over rows of ${dataset.name}: over all of \`where\`, or of the group.`,
    fields: () => aggregateFields(dataset),
  });
  if (!dataset.fields.some(isGroupable)) return { aggregate };
  const keys = new GraphQLObjectType({
    name: `${typeName}GroupKeys`,
    description: 'What the rows of a group have in common; null in what they were not grouped by.',
    fields: () => keysFields(dataset, of),
  });
  const group = new GraphQLObjectType({
    name: `${typeName}Group`,
    description: `Rows of ${dataset.name} with equal keys.`,
    fields: { keys: { type: new GraphQLNonNull(keys) }, aggregate: { type: new GraphQLNonNull(aggregate) } },
  });
  const key = new GraphQLInputObjectType({
    name: `${typeName}GroupKey`,
    description: 'Exactly one field; `true` for most, for dates and times to what they are cut.',
    isOneOf: true,
    fields: () => keyFields(dataset, of),
  });
  const having: GraphQLInputObjectType = new GraphQLInputObjectType({
    name: `${typeName}Having`,
    description: 'Conditions on groups; all that are given must hold.',
    fields: () => havingFields(dataset, having),
  });
  const keyOrder = new GraphQLInputObjectType({
    name: `${typeName}GroupKeyOrder`,
    description: 'Exactly one field, by which the rows are grouped.',
    isOneOf: true,
    fields: () => keyOrderFields(dataset, of),
  });
  const orderBy = new GraphQLInputObjectType({
    name: `${typeName}GroupOrderBy`,
    description: 'Exactly one field.',
    isOneOf: true,
    fields: () => orderFields(dataset, keyOrder),
  });
  return { aggregate, groups: { group, keys, key, having, keyOrder, orderBy } };
}

/** The arguments of `groupBy`. */
export function groupByArgs({ key, having, orderBy }: GroupTypes) {
  return {
    keys: { type: new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(key))) },
    having: { type: having },
    orderBy: { type: new GraphQLList(new GraphQLNonNull(orderBy)), description: 'The keys always come last.' },
    first: { type: GraphQLInt, description: 'Groups at the most.' },
    offset: { type: GraphQLInt, description: 'Groups to leave out first.' },
  };
}

function isGroupable(field: Field): boolean {
  return !field.list && field.type !== 'json' && !field.encrypted;
}

function isTime(field: Field): boolean {
  return field.type === 'date' || field.type === 'timestamp';
}

function measured(dataset: Dataset, measure: MeasureFunction): { readonly field: Field; readonly type: Field['type'] }[] {
  return dataset.fields.flatMap((field) => {
    const type = measureType(measure, field);
    return type === undefined ? [] : [{ field, type }];
  });
}

function aggregateFields(dataset: Dataset): GraphQLFieldConfigMap<unknown, unknown> {
  const fields: GraphQLFieldConfigMap<unknown, unknown> = { count: { type: new GraphQLNonNull(BigIntScalar), description: 'How many rows there are.' } };
  for (const measure of MEASURES) {
    const all = measured(dataset, measure);
    if (all.length === 0) continue;
    const type = new GraphQLObjectType({
      name: `${dataset.typeName}${pascalCase(measure)}`,
      description: DESCRIPTIONS[measure],
      fields: () => Object.fromEntries(all.map(({ field, type: of }) => [field.graphqlName, { type: SCALARS[of], extensions: { headgate: { field } } }])),
    });
    fields[measure] = { type: new GraphQLNonNull(type), extensions: { headgate: { measure } } };
  }
  return fields;
}

/** To-one relations to datasets in the same place that have something to group by. */
function throughs(dataset: Dataset, of: (relation: Relation) => AggregateTypes & { readonly dataset: Dataset }) {
  return dataset.relations.flatMap((relation) => {
    const target = relation.many ? undefined : of(relation);
    return target?.groups && !areApart(dataset, target.dataset) ? [{ relation, target, groups: target.groups }] : [];
  });
}

type TypesOf = Parameters<typeof throughs>[1];

function keysFields(dataset: Dataset, of: TypesOf): GraphQLFieldConfigMap<unknown, unknown> {
  const fields: GraphQLFieldConfigMap<unknown, unknown> = {};
  for (const field of dataset.fields.filter(isGroupable)) fields[field.graphqlName] = { type: SCALARS[field.type], extensions: { headgate: { field } } };
  for (const { relation, target, groups } of throughs(dataset, of)) {
    fields[relation.graphqlName] = { type: groups.keys, extensions: { headgate: { relation, target: target.dataset } } };
  }
  return fields;
}

function keyFields(dataset: Dataset, of: TypesOf): GraphQLInputFieldConfigMap {
  const fields: GraphQLInputFieldConfigMap = {};
  for (const field of dataset.fields.filter(isGroupable)) fields[field.graphqlName] = { type: isTime(field) ? DateTruncation : GraphQLBoolean };
  for (const { relation, groups } of throughs(dataset, of)) fields[relation.graphqlName] = { type: groups.key };
  return fields;
}

function havingFields(dataset: Dataset, having: GraphQLInputObjectType): GraphQLInputFieldConfigMap {
  const conditions = new GraphQLList(new GraphQLNonNull(having));
  const fields: GraphQLInputFieldConfigMap = {
    and: { type: conditions },
    or: { type: conditions },
    not: { type: having },
    count: { type: filterType({ type: 'bigint', list: false }) },
  };
  for (const measure of STEERING) {
    const all = measured(dataset, measure);
    if (all.length === 0) continue;
    const type = new GraphQLInputObjectType({
      name: `${dataset.typeName}${pascalCase(measure)}Having`,
      fields: () => Object.fromEntries(all.map(({ field, type: result }) => [field.graphqlName, { type: filterType({ type: result, list: false }) }])),
    });
    fields[measure] = { type };
  }
  return fields;
}

function keyOrderFields(dataset: Dataset, of: TypesOf): GraphQLInputFieldConfigMap {
  const fields: GraphQLInputFieldConfigMap = {};
  for (const field of dataset.fields.filter(isGroupable)) fields[field.graphqlName] = { type: SortDirection };
  for (const { relation, groups } of throughs(dataset, of)) fields[relation.graphqlName] = { type: groups.keyOrder };
  return fields;
}

function orderFields(dataset: Dataset, keyOrder: GraphQLInputObjectType): GraphQLInputFieldConfigMap {
  const fields: GraphQLInputFieldConfigMap = { key: { type: keyOrder }, count: { type: SortDirection } };
  for (const measure of STEERING) {
    const all = measured(dataset, measure);
    if (all.length === 0) continue;
    const type = new GraphQLInputObjectType({
      name: `${dataset.typeName}${pascalCase(measure)}Order`,
      description: 'Exactly one field.',
      isOneOf: true,
      fields: () => Object.fromEntries(all.map(({ field }) => [field.graphqlName, { type: SortDirection }])),
    });
    fields[measure] = { type };
  }
  return fields;
}
