import {
  GraphQLObjectType,
  GraphQLSchema,
  Kind,
  parse,
  print,
  printSchema,
  type DocumentNode,
  type FieldDefinitionNode,
  type ObjectTypeDefinitionNode,
} from 'graphql';
import { SCAN_PRICE } from '../../access/index.js';
import type { Dataset } from '../../catalog/index.js';
import type { Limits } from '../../config/index.js';
import { keyFields, type DataPlane } from '../dataplane/types.js';
import { Directives, type AppliedDirective } from './directives.js';
import { reachable } from './reachable.js';
import { tagName } from './tag-name.js';

/** Fields of a connection that are computed over all rows of its `where`, not over the page. */
const DEAR: ReadonlySet<string> = new Set(['totalCount', 'aggregate', 'groupBy']);

const SUMMARIES: ReadonlySet<string> = new Set(['aggregate', 'groupBy']);

/** Composition takes no directive that the text does not define, and knows this one not yet. */
const ONE_OF = 'directive @oneOf on INPUT_OBJECT';

/**
 * The data plane as a subgraph of Apollo Federation 2: the schema of the datasets alone, with what a router should know of
 * it. So two Headgates compose: what all of them share is shareable, and the control plane of each stays its own.
 */
export function subgraphSdl(plane: DataPlane, limits: Pick<Limits, 'defaultPage'>): string {
  const fields = Object.fromEntries([...plane.roots].map(([name, { config }]) => [name, config]));
  if (plane.roots.size === 0) return new Directives().link();
  const schema = new GraphQLSchema({ query: new GraphQLObjectType({ name: 'Query', fields }) });
  const document = withoutSharedSummaries(parse(printSchema(schema), { noLocation: true }), plane);
  const annotator = new Annotator(plane, limits);
  const definitions = document.definitions.map((definition) =>
    definition.kind === Kind.OBJECT_TYPE_DEFINITION ? annotator.objectType(definition) : definition,
  );
  return `${annotator.directives.link()}\n\n${ONE_OF}\n\n${print({ ...document, definitions })}\n`;
}

/**
 * Without `aggregate` and `groupBy` of types that other subgraphs have as well: those are numbers over other rows and fields,
 * so that no router could ask for one of them wherever it meets a page.
 */
function withoutSharedSummaries(document: DocumentNode, plane: DataPlane): DocumentNode {
  const shared = new Set([...plane.types.values()].filter(({ dataset }) => isShared(dataset)).map(({ connection }) => connection.name));
  if (shared.size === 0) return document;
  const definitions = document.definitions.map((definition) => {
    if (definition.kind !== Kind.OBJECT_TYPE_DEFINITION || !shared.has(definition.name.value)) return definition;
    return { ...definition, fields: (definition.fields ?? []).filter(({ name }) => !SUMMARIES.has(name.value)) };
  });
  return reachable({ ...document, definitions });
}

function isShared({ shareable, fields }: Dataset): boolean {
  return shareable === true || fields.some((field) => field.shareable === true);
}

class Annotator {
  readonly directives = new Directives();
  readonly #plane: DataPlane;
  readonly #limits: Pick<Limits, 'defaultPage'>;
  /** Each dataset by the type of its rows. */
  readonly #rows = new Map<string, Dataset>();
  readonly #connections = new Set<string>();

  constructor(plane: DataPlane, limits: Pick<Limits, 'defaultPage'>) {
    this.#plane = plane;
    this.#limits = limits;
    for (const { dataset, row, connection } of plane.types.values()) {
      this.#rows.set(row.name, dataset);
      this.#connections.add(connection.name);
    }
  }

  objectType(node: ObjectTypeDefinitionNode): ObjectTypeDefinitionNode {
    const name = node.name.value;
    if (name === 'Query') return this.#with(node, [], (field) => this.#root(field));
    const dataset = this.#rows.get(name);
    if (dataset === undefined) {
      // A value, such as a page: it comes whole, from the subgraph whose field gives it, though others have the type as well.
      const isConnection = this.#connections.has(name);
      return this.#with(node, [this.directives.apply('shareable')], (field) => (isConnection ? this.#connectionField(field) : []));
    }
    const shareable = dataset.shareable === true ? [this.directives.apply('shareable')] : [];
    return this.#with(node, [...this.#key(dataset), ...shareable], (field) => this.#rowField(field, dataset));
  }

  #with<Node extends ObjectTypeDefinitionNode>(
    node: Node,
    directives: readonly AppliedDirective[],
    ofField: (field: FieldDefinitionNode) => readonly AppliedDirective[],
  ): Node {
    const fields = node.fields?.map((field) => ({ ...field, directives: [...(field.directives ?? []), ...ofField(field)] }));
    return { ...node, directives: [...(node.directives ?? []), ...directives], ...(fields && { fields }) };
  }

  #key(dataset: Dataset): readonly AppliedDirective[] {
    const fields = keyFields(dataset);
    return fields.length === 0 ? [] : [this.directives.apply('key', { fields: fields.map((field) => field.graphqlName).join(' ') })];
  }

  #root({ name }: FieldDefinitionNode): readonly AppliedDirective[] {
    const root = this.#plane.roots.get(name.value);
    const size = root?.kind === 'connection' ? [this.#page()] : [];
    return root?.dataset.shareable === true ? [...size, this.directives.apply('shareable')] : size;
  }

  #rowField({ name }: FieldDefinitionNode, dataset: Dataset): readonly AppliedDirective[] {
    const field = dataset.fields.find((candidate) => candidate.graphqlName === name.value);
    if (field) {
      const tags = field.tags.map((tag) => this.directives.apply('tag', { name: tagName(tag) }));
      return field.shareable === true && dataset.shareable !== true ? [...tags, this.directives.apply('shareable')] : tags;
    }
    const relation = dataset.relations.find((candidate) => candidate.graphqlName === name.value);
    return relation?.many === true ? [this.#page()] : [];
  }

  #connectionField({ name, arguments: args, type }: FieldDefinitionNode): readonly AppliedDirective[] {
    if (!DEAR.has(name.value)) return [];
    const cost = this.directives.apply('cost', { weight: SCAN_PRICE });
    const takesFirst = args?.some((arg) => arg.name.value === 'first') === true;
    const isList = type.kind === Kind.LIST_TYPE || (type.kind === Kind.NON_NULL_TYPE && type.type.kind === Kind.LIST_TYPE);
    return takesFirst && isList ? [cost, this.#size({ slicingArguments: ['first'] })] : [cost];
  }

  /** A page holds so many rows, which stand in its `nodes` or `edges`. */
  #page(): AppliedDirective {
    return this.#size({ slicingArguments: ['first', 'last'], sizedFields: ['nodes', 'edges'] });
  }

  #size(given: Readonly<Record<string, unknown>>): AppliedDirective {
    return this.directives.apply('listSize', { assumedSize: this.#limits.defaultPage, ...given, requireOneSlicingArgument: false });
  }
}
