import {
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
  GraphQLScalarType,
  GraphQLString,
  GraphQLUnionType,
  valueFromASTUntyped,
  type GraphQLFieldConfigMap,
  type GraphQLFieldResolver,
} from 'graphql';

/** The union of a subgraph's entities; the one abstract type of our schemas. */
export const ENTITY = '_Entity';
/** The root field that gives entities by their keys. */
export const ENTITIES = '_entities';

const Any = new GraphQLScalarType({
  name: '_Any',
  description: 'How a router names an entity: an object of its `__typename` and the fields of its key.',
  serialize: (value) => value,
  parseValue: (value) => value,
  parseLiteral: (node, variables) => valueFromASTUntyped(node, variables),
});

const Service = new GraphQLObjectType({
  name: '_Service',
  fields: { sdl: { type: new GraphQLNonNull(GraphQLString), description: 'The schema of this subgraph, with the directives of Federation 2.' } },
});

export interface SubgraphOptions<Context> {
  /** The types that have a key; when there are none, there is no `_entities`. */
  readonly entities: readonly GraphQLObjectType[];
  /** The subgraph's schema as text. It is made when it is asked for. */
  readonly sdl: () => string;
  /** Resolves `_entities`. What it gives for one must say its `__typename`, unless the field is a leaf where it runs. */
  readonly resolve: GraphQLFieldResolver<unknown, Context>;
}

/** The root fields with which a schema becomes a subgraph, as the specification of Apollo Federation 2 has them. */
export function subgraphFields<Context>({ entities, sdl, resolve }: SubgraphOptions<Context>): GraphQLFieldConfigMap<unknown, Context> {
  const fields: GraphQLFieldConfigMap<unknown, Context> = {
    _service: { type: new GraphQLNonNull(Service), description: 'What a router needs to know of this subgraph.', resolve: () => ({ sdl }) },
  };
  if (entities.length === 0) return fields;
  const union = new GraphQLUnionType({ name: ENTITY, description: 'Every type that has a key.', types: entities, resolveType: typenameOf });
  fields[ENTITIES] = {
    type: new GraphQLNonNull(new GraphQLList(union)),
    args: { representations: { type: new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(Any))) } },
    description: 'Entities by their keys, in that order; null where there is none that you may see. Routers ask for it.',
    resolve,
  };
  return fields;
}

function typenameOf(entity: unknown): string | undefined {
  return (entity as { readonly __typename?: string }).__typename;
}
