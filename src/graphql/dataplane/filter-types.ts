import {
  GraphQLBoolean,
  GraphQLEnumType,
  GraphQLFloat,
  GraphQLInputObjectType,
  GraphQLInt,
  GraphQLList,
  GraphQLNonNull,
  GraphQLString,
  type GraphQLInputFieldConfig,
  type GraphQLScalarType,
} from 'graphql';
import type { Field, ScalarType } from '../../catalog/index.js';
import { BigIntScalar, DateScalar, DateTimeScalar, DecimalScalar, JsonScalar, TimeScalar, UuidScalar } from '../scalars.js';

export const SCALARS: Readonly<Record<ScalarType, GraphQLScalarType>> = {
  text: GraphQLString,
  integer: GraphQLInt,
  bigint: BigIntScalar,
  decimal: DecimalScalar,
  float: GraphQLFloat,
  boolean: GraphQLBoolean,
  date: DateScalar,
  timestamp: DateTimeScalar,
  time: TimeScalar,
  uuid: UuidScalar,
  json: JsonScalar,
};

const COMPARED = ['eq', 'ne'] as const;
const LISTED = ['in', 'notIn'] as const;
const ORDERED = ['lt', 'lte', 'gt', 'gte'] as const;
const TEXT = ['contains', 'startsWith', 'endsWith', 'like', 'matches'] as const;

const DESCRIPTIONS: Readonly<Record<string, string>> = {
  in: 'One of these; an empty list matches nothing.',
  between: 'From the first to the second, both included.',
  like: 'An SQL pattern: % stands for any text, _ for one character, \\ before either for itself.',
  matches: 'A POSIX regular expression as PostgreSQL understands it.',
};

function scalarFilter(type: ScalarType): GraphQLInputObjectType {
  const scalar = SCALARS[type];
  const many = new GraphQLList(new GraphQLNonNull(scalar));
  const fields: Record<string, GraphQLInputFieldConfig> = {};
  const add = (name: string, of: GraphQLInputFieldConfig['type']) => {
    const description = DESCRIPTIONS[name];
    fields[name] = { type: of, ...(description && { description }) };
  };
  COMPARED.forEach((name) => add(name, scalar));
  if (type !== 'boolean') {
    LISTED.forEach((name) => add(name, many));
    ORDERED.forEach((name) => add(name, scalar));
    add('between', many);
  }
  add('isNull', GraphQLBoolean);
  if (type === 'text') {
    add('eqInsensitive', scalar);
    add('inInsensitive', many);
    TEXT.forEach((name) => add(name, scalar));
    TEXT.forEach((name) => add(`${name}Insensitive`, scalar));
  }
  return new GraphQLInputObjectType({ name: `${scalar.name}Filter`, description: `Conditions on a ${scalar.name}; all that are given must hold.`, fields });
}

function listFilter(type: ScalarType): GraphQLInputObjectType {
  const many = new GraphQLList(new GraphQLNonNull(SCALARS[type]));
  return new GraphQLInputObjectType({
    name: `${SCALARS[type].name}ListFilter`,
    description: `Conditions on a list of ${SCALARS[type].name}; all that are given must hold.`,
    fields: { contains: { type: many }, containedBy: { type: many }, overlaps: { type: many }, isNull: { type: GraphQLBoolean } },
  });
}

const json = { type: JsonScalar };

const jsonPathFilter = new GraphQLInputObjectType({
  name: 'JSONPathFilter',
  description: 'Conditions on what stands at a path inside a JSON value; all that are given must hold. Where nothing stands there, only `isNull: true` holds.',
  fields: {
    path: {
      type: new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(GraphQLString))),
      description: 'Keys and places in lists (from 0), from the outside in: ["bags", "0", "weight"].',
    },
    eq: json,
    ne: json,
    lt: { ...json, description: 'Numbers are compared with numbers and texts with texts, by code point; nothing else is less or greater.' },
    lte: json,
    gt: json,
    gte: json,
    in: { type: new GraphQLList(new GraphQLNonNull(JsonScalar)), description: 'One of these; an empty list matches nothing.' },
    isNull: { type: GraphQLBoolean, description: 'Nothing stands there, or null does.' },
  },
});

const jsonFilter = new GraphQLInputObjectType({
  name: 'JSONFilter',
  description: 'Conditions on a JSON value; all that are given must hold.',
  fields: { contains: { type: JsonScalar }, hasKey: { type: GraphQLString }, path: { type: jsonPathFilter }, isNull: { type: GraphQLBoolean } },
});

/** The filter types that all datasets share, one a scalar; made once. */
const scalarFilters = new Map<ScalarType, GraphQLInputObjectType>();
const listFilters = new Map<ScalarType, GraphQLInputObjectType>();
for (const type of Object.keys(SCALARS) as ScalarType[]) {
  scalarFilters.set(type, type === 'json' ? jsonFilter : scalarFilter(type));
  listFilters.set(type, listFilter(type));
}

/** What can be asked of values that the database does not know. */
const encryptedFilter = new GraphQLInputObjectType({
  name: 'EncryptedStringFilter',
  description: 'Conditions on an encrypted text; all that are given must hold.',
  fields: {
    eq: { type: GraphQLString },
    in: { type: new GraphQLList(new GraphQLNonNull(GraphQLString)), description: DESCRIPTIONS['in'] },
    isNull: { type: GraphQLBoolean, description: 'Nothing is stored. What was erased by its key is null, and still stored.' },
  },
});

export function filterType(field: Pick<Field, 'type' | 'list' | 'encrypted'>): GraphQLInputObjectType {
  if (field.encrypted) return encryptedFilter;
  const type = (field.list ? listFilters : scalarFilters).get(field.type);
  if (type === undefined) throw new Error(`no filter for ${field.type}`);
  return type;
}

export interface SortDirectionValue {
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

const direction = (descending: boolean, nullsFirst: boolean): { value: SortDirectionValue } => ({ value: { descending, nullsFirst } });

/** Nulls come last in ASC and first in DESC, as in PostgreSQL, unless the name says otherwise. */
export const SortDirection = new GraphQLEnumType({
  name: 'SortDirection',
  description: 'Nulls come last in ASC and first in DESC unless the name says otherwise. Text is ordered by code point.',
  values: {
    ASC: direction(false, false),
    DESC: direction(true, true),
    ASC_NULLS_FIRST: direction(false, true),
    ASC_NULLS_LAST: direction(false, false),
    DESC_NULLS_FIRST: direction(true, true),
    DESC_NULLS_LAST: direction(true, false),
  },
});
