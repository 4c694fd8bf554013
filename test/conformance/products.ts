import { buildASTSchema, GraphQLObjectType, GraphQLSchema, Kind, parse, type DefinitionNode, type DocumentNode, type ObjectTypeDefinitionNode } from 'graphql';
import { subgraphFields } from '../../src/graphql/federation/federation-types.js';
import { groupByType, readInOrder } from '../../src/graphql/federation/representations.js';

type Row = Readonly<Record<string, unknown>>;
/** The entity that a representation names; undefined when there is none. */
type Reference = (given: Row) => Row | undefined;

/** The rows that the suite's documentation asks for. */
const DIMENSIONS = { size: 'small', weight: 1, unit: 'kg' };
const USER = { email: 'support@apollographql.com', name: 'Jane Smith', totalProductsCreated: 1337, yearsOfEmployment: 10 };
const DEPRECATED = { sku: 'apollo-federation-v1', package: '@apollo/federation-v1', reason: 'Migrate to Federation V2', createdBy: USER };
const RESEARCH = [
  { study: { caseNumber: '1234', description: 'Federation Study' }, outcome: null },
  { study: { caseNumber: '1235', description: 'Studio Study' }, outcome: null },
];
const SHARED = { dimensions: DIMENSIONS, createdBy: USER, notes: null };
const PRODUCTS = [
  { ...SHARED, id: 'apollo-federation', sku: 'federation', package: '@apollo/federation', variation: { id: 'OSS' }, research: [RESEARCH[0]] },
  { ...SHARED, id: 'apollo-studio', sku: 'studio', package: '', variation: { id: 'platform' }, research: [RESEARCH[1]] },
];
const INVENTORY = { id: 'apollo-oss', deprecatedProducts: [DEPRECATED] };

const idOf = (value: unknown): unknown => (value as Row | undefined)?.['id'];

const REFERENCES: Readonly<Record<string, Reference>> = {
  Product: ({ id, sku, package: named, variation }) =>
    PRODUCTS.find((row) => (id === undefined ? row.sku === sku && (row.package === named || row.variation.id === idOf(variation)) : row.id === id)),
  DeprecatedProduct: ({ sku, package: named }) => (sku === DEPRECATED.sku && named === DEPRECATED.package ? DEPRECATED : undefined),
  ProductResearch: ({ study }) => RESEARCH.find((row) => row.study.caseNumber === (study as Row | undefined)?.['caseNumber']),
  // What another subgraph knows of the user comes with the representation.
  User: (given) => (given['email'] === USER.email ? { ...USER, ...given } : undefined),
  Inventory: ({ id }) => (id === INVENTORY.id ? INVENTORY : undefined),
};

const RESOLVERS: Readonly<Record<string, Readonly<Record<string, (parent: Row, args: Row) => unknown>>>> = {
  Query: {
    product: (_parent, { id }) => PRODUCTS.find((row) => row.id === id),
    deprecatedProduct: (_parent, { sku, package: named }) => (sku === DEPRECATED.sku && named === DEPRECATED.package ? DEPRECATED : undefined),
  },
  User: {
    averageProductsCreatedPerYear: ({ totalProductsCreated, yearsOfEmployment }) => Math.round(Number(totalProductsCreated) / Number(yearsOfEmployment)),
  },
};

/** A schema with the directives of Federation, made a subgraph by what makes the data plane one. */
export function productsSubgraph(sdl: string): GraphQLSchema {
  const document = parse(sdl);
  const schema = buildASTSchema(withoutExtensions(document), { assumeValidSDL: true });
  for (const [typeName, resolvers] of Object.entries(RESOLVERS)) {
    const fields = (schema.getType(typeName) as GraphQLObjectType).getFields();
    for (const [name, resolve] of Object.entries(resolvers)) Object.assign(fields[name] ?? {}, { resolve });
  }
  const entities = Object.values(schema.getTypeMap()).filter((type) => type instanceof GraphQLObjectType && hasKey(type.astNode)) as GraphQLObjectType[];
  const names = new Set(entities.map(({ name }) => name));
  const federation = subgraphFields({
    entities,
    sdl: () => sdl,
    resolve: async (_parent, { representations }) =>
      readInOrder(
        groupByType(representations, (typeName) => names.has(typeName), 1_000),
        async ({ typeName, references }) => references.map(({ fields }) => entity(typeName, fields)),
      ),
  });
  const { query, types, ...rest } = schema.toConfig();
  const { fields = {}, ...config } = query?.toConfig() ?? { name: 'Query' };
  const extended = new GraphQLObjectType({ ...config, fields: { ...fields, ...federation } });
  return new GraphQLSchema({ ...rest, types: types.filter((type) => type !== query), query: extended, assumeValid: true });
}

function entity(typeName: string, given: Row): Row | null {
  const found = REFERENCES[typeName]?.(given);
  return found ? { ...found, __typename: typeName } : null;
}

function hasKey(node: ObjectTypeDefinitionNode | null | undefined): boolean {
  return node?.directives?.some(({ name }) => name.value === 'key') === true;
}

/** A type that a subgraph extends is a type of its own there. */
function withoutExtensions(document: DocumentNode): DocumentNode {
  const definitions = document.definitions.flatMap((definition): DefinitionNode[] => {
    if (definition.kind === Kind.SCHEMA_EXTENSION) return [];
    return [definition.kind === Kind.OBJECT_TYPE_EXTENSION ? { ...definition, kind: Kind.OBJECT_TYPE_DEFINITION } : definition];
  });
  return { ...document, definitions };
}
