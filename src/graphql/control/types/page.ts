import { Field, Int, ObjectType, Root } from 'type-graphql';

@ObjectType({ description: 'Where a page stands among all rows (Relay Cursor Connections).' })
export class PageInfo {
  @Field(() => Boolean) hasNextPage!: boolean;
  @Field(() => Boolean) hasPreviousPage!: boolean;
  @Field(() => String, { nullable: true }) startCursor?: string | undefined;
  @Field(() => String, { nullable: true }) endCursor?: string | undefined;
}

/** A page as the resolvers of connections give it; the count is a function, so that it costs nothing when nobody asks. */
export interface Page<Node> {
  readonly nodes: readonly Node[];
  readonly edges: readonly { readonly node: Node; readonly cursor: string }[];
  readonly pageInfo: PageInfo;
  readonly countAll: () => Promise<number>;
}

export function pageOf<Item, Node>(
  items: readonly Item[],
  options: { hasNextPage: boolean; after: string | undefined; cursor: (item: Item) => string; node: (item: Item) => Node; totalCount: () => Promise<number> },
): Page<Node> {
  const edges = items.map((item) => ({ node: options.node(item), cursor: options.cursor(item) }));
  return {
    nodes: edges.map((edge) => edge.node),
    edges,
    pageInfo: {
      hasNextPage: options.hasNextPage,
      hasPreviousPage: options.after !== undefined,
      startCursor: edges[0]?.cursor,
      endCursor: edges.at(-1)?.cursor,
    },
    countAll: options.totalCount,
  };
}

/** The connection and edge types of one node type. */
export function connectionTypes(node: () => new () => object, name: string): { Connection: new () => object } {
  @ObjectType(`${name}Edge`)
  class Edge {
    @Field(() => node()) node!: object;
    @Field(() => String) cursor!: string;
  }
  @ObjectType(`${name}Connection`)
  class Connection {
    @Field(() => [node()]) nodes!: object[];
    @Field(() => [Edge]) edges!: Edge[];
    @Field(() => PageInfo) pageInfo!: PageInfo;
    @Field(() => Int, { description: 'All that match, not of the page.' })
    totalCount(@Root() page: Page<object>): Promise<number> {
      return page.countAll();
    }
  }
  return { Connection };
}
