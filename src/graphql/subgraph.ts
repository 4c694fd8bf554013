import type { Catalog } from '../catalog/index.js';
import type { Limits } from '../config/index.js';
import { visibleCatalog } from '../governance/index.js';
import { bareControlSchema } from './control/schema.js';
import { buildDataPlane } from './dataplane/types.js';
import { pageInfoOf } from './dataplane/schemas.js';
import { subgraphSdl } from './federation/subgraph-sdl.js';

/** The subgraph that a catalog makes, for whoever knows no secret name; without a server. */
export function listedSubgraph(catalog: Catalog, limits: Pick<Limits, 'defaultPage'>): string {
  return subgraphSdl(buildDataPlane(visibleCatalog(catalog, []), pageInfoOf(bareControlSchema())), limits);
}
