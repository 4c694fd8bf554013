import { astFromValue, GraphQLBoolean, GraphQLInt, GraphQLList, GraphQLString, Kind, type ConstDirectiveNode, type GraphQLInputType } from 'graphql';

/** The directives that we use, with the types of their arguments. */
const ARGUMENTS = {
  key: { fields: GraphQLString },
  shareable: {},
  tag: { name: GraphQLString },
  cost: { weight: GraphQLInt },
  listSize: {
    assumedSize: GraphQLInt,
    slicingArguments: new GraphQLList(GraphQLString),
    sizedFields: new GraphQLList(GraphQLString),
    requireOneSlicingArgument: GraphQLBoolean,
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, GraphQLInputType>>>>;

export type AppliedDirective = ConstDirectiveNode;

/** The version of Federation that has all of them, @cost and @listSize since 2.9. */
const SPECIFICATION = 'https://specs.apollo.dev/federation/v2.9';

/** The directives of one document: what is used is imported, and nothing else. */
export class Directives {
  readonly #used = new Set<string>();

  apply(name: keyof typeof ARGUMENTS, values: Readonly<Record<string, unknown>> = {}): AppliedDirective {
    this.#used.add(name);
    const types: Readonly<Record<string, GraphQLInputType>> = ARGUMENTS[name];
    const args = Object.entries(values).flatMap(([argument, value]) => {
      const type = types[argument];
      const node = type && astFromValue(value, type);
      return node ? [{ kind: Kind.ARGUMENT, name: { kind: Kind.NAME, value: argument }, value: node }] : [];
    });
    // A value that is made from a constant has no variables.
    return { kind: Kind.DIRECTIVE, name: { kind: Kind.NAME, value: name }, arguments: args } as unknown as AppliedDirective;
  }

  /** Says which specification the directives are of. To be called last. */
  link(): string {
    const names = [...this.#used].toSorted().map((name) => `"@${name}"`);
    return `extend schema @link(url: "${SPECIFICATION}"${names.length > 0 ? `, import: [${names.join(', ')}]` : ''})`;
  }
}
