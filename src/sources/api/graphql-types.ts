import {
  getNamedType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
  isScalarType,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLOutputType,
} from 'graphql';
import type { Narrowing, ScalarType } from '../../catalog/index.js';

/** Scalars of which it is known what their values are; the name is what GraphQL APIs agree on. */
const SCALARS: Readonly<Record<string, ScalarType>> = {
  ID: 'text',
  String: 'text',
  Int: 'integer',
  Float: 'float',
  Boolean: 'boolean',
  BigInt: 'bigint',
  Long: 'bigint',
  Decimal: 'decimal',
  BigDecimal: 'decimal',
  Date: 'date',
  LocalDate: 'date',
  DateTime: 'timestamp',
  Timestamp: 'timestamp',
  Time: 'time',
  LocalTime: 'time',
  UUID: 'uuid',
  JSON: 'json',
  JSONObject: 'json',
  URL: 'text',
  EmailAddress: 'text',
};

/** The type that a contract gives such a field; undefined for what none of ours can show. */
export function contractTypeOf(type: GraphQLOutputType): { readonly type: ScalarType; readonly list: boolean; readonly required: boolean } | undefined {
  const required = isNonNullType(type);
  const nullable = required ? type.ofType : type;
  const list = isListType(nullable);
  const element = isListType(nullable) ? nullable.ofType : nullable;
  const inner = isNonNullType(element) ? element.ofType : element;
  const scalar = isEnumType(inner) ? 'text' : isScalarType(inner) ? SCALARS[inner.name] : undefined;
  return scalar && { type: scalar, list, required };
}

/** The rows that a root field gives, and where in its answer they are; undefined when it gives none. */
export function rowsOf(type: GraphQLOutputType): { readonly row: GraphQLObjectType; readonly items?: string; readonly item?: string } | undefined {
  const named = getNamedType(type);
  if (!isObjectType(named)) return undefined;
  if (isListType(nullableOf(type))) return { row: named };
  const { nodes, edges } = named.getFields();
  const nodesRow = nodes && listedRow(nodes);
  if (nodesRow) return { row: nodesRow, items: '/nodes' };
  const edge = edges && listedRow(edges);
  const node = edge?.getFields()['node'];
  const row = node && getNamedType(node.type);
  return isObjectType(row) ? { row, items: '/edges', item: '/node' } : undefined;
}

function listedRow({ type }: GraphQLField<unknown, unknown>): GraphQLObjectType | undefined {
  const named = getNamedType(type);
  return isListType(nullableOf(type)) && isObjectType(named) ? named : undefined;
}

function nullableOf(type: GraphQLOutputType): GraphQLOutputType {
  return isNonNullType(type) ? type.ofType : type;
}

/** It can be left out. */
export function isOptional({ type, defaultValue }: GraphQLArgument): boolean {
  return !isNonNullType(type) || defaultValue !== undefined;
}

/** Comparisons by a field that arguments of the list allow: `country: String`, `ids: [ID!]`-like, or `where: { country: { eq } }`. */
export function filtersIn(args: readonly GraphQLArgument[], field: string, operators: readonly Narrowing[]): Readonly<Partial<Record<Narrowing, string>>> {
  const found: Partial<Record<Narrowing, string>> = {};
  for (const { name, type } of args) {
    const named = getNamedType(type);
    if (name === field && !isInputObjectType(named)) found[isList(type) ? 'in' : 'eq'] ??= name;
    if (!isInputObjectType(named) || !['where', 'filter', 'filters'].includes(name) || isList(type)) continue;
    const member = named.getFields()[field];
    const comparisons = member && getNamedType(member.type);
    if (!member || !isInputObjectType(comparisons) || isList(member.type)) continue;
    for (const operator of operators) if (comparisons.getFields()[operator]) found[operator] ??= `/${name}/${field}/${operator}`;
  }
  return Object.fromEntries(Object.entries(found).filter(([operator]) => operators.includes(operator as Narrowing)));
}

function isList(type: GraphQLInputType): boolean {
  return isListType(isNonNullType(type) ? type.ofType : type);
}
