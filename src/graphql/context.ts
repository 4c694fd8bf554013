import type { Catalog } from '../catalog/index.js';
import type { Authorizer } from '../governance/index.js';
import type { Principal } from '../identity/index.js';
import type { DatasetReads } from './dataplane/dataset-reads.js';

/** The catalog and the grants at one version: what one request sees from its beginning to its end. */
export interface World {
  readonly catalog: Catalog;
  readonly authorizer: Authorizer;
}

/** What resolvers get of a request. */
export interface RequestContext {
  readonly principal: Principal;
  readonly world: World;
  /** The reads of datasets that this request makes. */
  readonly reads: DatasetReads;
}
