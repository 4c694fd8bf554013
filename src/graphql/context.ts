import type { Catalog } from '../catalog/index.js';
import type { Authorizer } from '../governance/index.js';
import type { Principal } from '../identity/index.js';
import type { Loaders } from './control/loaders.js';
import type { ControlServices } from './control/services.js';
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
  /** The catalog without what is secret for this principal. */
  readonly visible: Catalog;
  /** The reads of datasets that this request makes. */
  readonly reads: DatasetReads;
  /** To be called before the schema is told. @throws HeadgateError RATE_LIMITED */
  readonly admitIntrospection: () => Promise<void>;
  readonly services: ControlServices;
  readonly loaders: Loaders;
}
