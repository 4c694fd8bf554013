import { GraphQLObjectType, GraphQLSchema, printSchema } from 'graphql';
import type { Catalog } from '../catalog/index.js';
import type { Limits } from '../config/index.js';
import { visibleCatalog } from '../governance/index.js';
import { bareControlSchema } from './control/schema.js';
import { buildDataPlane, type DataPlane, type DatasetRoot } from './dataplane/types.js';
import { pageInfoOf } from './dataplane/schemas.js';
import { subgraphSdl } from './federation/subgraph-sdl.js';

/** The data plane that a catalog makes, for whoever knows no secret name; without a server. */
export function listedDataPlane(catalog: Catalog): string {
  const { roots, changes } = planeOf(catalog);
  return printSchema(new GraphQLSchema({ query: typeOf('Query', roots), subscription: typeOf('Subscription', changes) }));
}

/** The same as a subgraph. */
export function listedSubgraph(catalog: Catalog, limits: Pick<Limits, 'defaultPage'>): string {
  return subgraphSdl(planeOf(catalog), limits);
}

function planeOf(catalog: Catalog): DataPlane {
  return buildDataPlane(visibleCatalog(catalog, []), pageInfoOf(bareControlSchema()));
}

function typeOf(name: string, roots: ReadonlyMap<string, DatasetRoot>): GraphQLObjectType {
  return new GraphQLObjectType({ name, fields: Object.fromEntries([...roots].map(([root, { config }]) => [root, config])) });
}
