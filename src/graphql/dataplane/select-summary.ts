import { getArgumentValues, getNamedType, type FieldNode, type GraphQLField, type GraphQLObjectType } from 'graphql';
import type { AggregateMember, GroupKey, GroupKeyMember, GroupMember, Grouping, MeasureFunction, MeasureMember } from '../../access/index.js';
import type { Dataset, Field, Relation } from '../../catalog/index.js';
import type { Limits } from '../../config/index.js';
import type { AggregateTypes } from './aggregate-types.js';
import { collectFields, type DocumentContext } from './collect.js';
import { parseGroupKeys, parseGroupOrder, parseGroupPage, placeOf } from './group-args.js';
import { parseHaving } from './having.js';
import type { RequestShape } from './request-shape.js';

/** What a summary of a dataset is read with. */
export interface SummaryContext {
  readonly dataset: Dataset;
  readonly types: AggregateTypes;
  readonly datasets: ReadonlyMap<string, Dataset>;
  readonly shape: RequestShape;
  readonly document: DocumentContext;
  readonly limits: Limits;
}

type Extensions = { readonly measure?: MeasureFunction; readonly field?: Field; readonly relation?: Relation };

/** The selection below `aggregate`. */
export function selectAggregate(nodes: readonly FieldNode[], { types, shape, document }: SummaryContext): AggregateMember[] {
  return membersOf(types.aggregate, nodes, shape, document).map(({ key, name, fields, definition }): AggregateMember => {
    const { measure } = headgate(definition);
    if (!measure || !definition) return name === 'count' ? { kind: 'count', key } : { kind: 'typename', key };
    const type = objectOf(definition);
    const members = membersOf(type, fields, shape, document).map((inner): MeasureMember => {
      const { field } = headgate(inner.definition);
      return field ? { kind: 'field', key: inner.key, field } : { kind: 'typename', key: inner.key };
    });
    return { kind: 'measures', key, measure, members };
  });
}

/** The arguments of `groupBy` and the selection below it. @throws HeadgateError BAD_USER_INPUT, QUERY_TOO_COMPLEX */
export function selectGrouping(nodes: readonly FieldNode[], definition: GraphQLField<unknown, unknown>, context: SummaryContext): Grouping {
  const { types, shape, document, limits, dataset } = context;
  const [first] = nodes;
  if (!types.groups || !first) throw new Error(`${dataset.name} can't be grouped`);
  const args = getArgumentValues(definition, first, document.variables);
  const keys = parseGroupKeys(args['keys'], context);
  shape.note('having');
  const having = args['having'] === undefined || args['having'] === null ? undefined : parseHaving(args['having'], dataset, shape);
  shape.note('order');
  const order = parseGroupOrder(args['orderBy'], keys, context);
  const page = parseGroupPage(args, limits, shape);
  const members = membersOf(types.groups.group, nodes, shape, document).map(({ key, name, fields, definition: inner }): GroupMember => {
    if (name === 'aggregate') return { kind: 'aggregate', key, members: selectAggregate(fields, context) };
    if (name !== 'keys' || !inner) return { kind: 'typename', key };
    return { kind: 'keys', key, members: selectKeys(objectOf(inner), fields, keys, '', context) };
  });
  return { keys, ...(having && { having }), order, ...page, members };
}

function selectKeys(
  type: GraphQLObjectType,
  nodes: readonly FieldNode[],
  keys: readonly GroupKey[],
  prefix: string,
  context: SummaryContext,
): GroupKeyMember[] {
  return membersOf(type, nodes, context.shape, context.document).map(({ key, name, fields, definition }): GroupKeyMember => {
    const { relation } = headgate(definition);
    if (!definition) return { kind: 'typename', key, typeName: type.name };
    if (relation) return { kind: 'through', key, members: selectKeys(objectOf(definition), fields, keys, `${prefix}${name}.`, context) };
    const index = keys.findIndex((candidate) => placeOf(candidate) === `${prefix}${name}`);
    return index < 0 ? { kind: 'absent', key } : { kind: 'key', key, index };
  });
}

interface Member {
  readonly key: string;
  readonly name: string;
  readonly fields: readonly FieldNode[];
  /** Undefined for `__typename`. */
  readonly definition: GraphQLField<unknown, unknown> | undefined;
}

/** The fields of an object by response key, noted in the shape between braces. */
function membersOf(type: GraphQLObjectType, nodes: readonly FieldNode[], shape: RequestShape, document: DocumentContext): Member[] {
  const definitions = type.getFields();
  const sets = nodes.map((node) => node.selectionSet);
  const collected = [...collectFields(type.name, sets, document)];
  shape.note(`{ ${collected.map(([key, [node]]) => `${key}:${node?.name.value}`).join(' ')} }`);
  return collected.map(([key, fields]) => {
    const name = fields[0]?.name.value ?? '';
    return { key, name, fields, definition: definitions[name] };
  });
}

function headgate(definition: GraphQLField<unknown, unknown> | undefined): Extensions {
  return (definition?.extensions['headgate'] ?? {}) as Extensions;
}

function objectOf(definition: GraphQLField<unknown, unknown>): GraphQLObjectType {
  return getNamedType(definition.type) as GraphQLObjectType;
}
