import type { Reader } from '../access/index.js';
import type { Catalog } from '../catalog/index.js';
import type { Limits } from '../config/index.js';
import type { MaskKeys } from '../governance/index.js';
import type { Principal } from '../identity/index.js';
import type { RequestContext, World } from './context.js';
import { createLoaders, type Loaders } from './control/loaders.js';
import type { ControlServices } from './control/services.js';
import { DatasetReads } from './dataplane/dataset-reads.js';
import type { View } from './dataplane/view.js';

/** What all requests share. */
export interface RequestSetting {
  readonly services: ControlServices;
  readonly reader: Reader;
  readonly maskKeys: MaskKeys;
  readonly limits: Limits;
}

/** What one request brings. */
export interface RequestFacts {
  readonly principal: Principal;
  readonly world: World;
  readonly view: View;
  /** SHA-256 of the operation's text, hex. */
  readonly operationHash: string;
}

/** The context of one GraphQL request: its reads and loaders are its own, and end with it. */
export function createContext({ services, reader, maskKeys, limits }: RequestSetting, { principal, world, view, operationHash }: RequestFacts): RequestContext {
  const { authorizer } = world;
  const { catalog, plane } = view.schemas;
  const reads = new DatasetReads({ principal, plane, plans: view.plans, authorizer, reader, maskKeys, audit: services.audit, limits, operationHash });
  return new Context({ principal, world, visible: catalog, services, reads });
}

type Given = Omit<RequestContext, 'loaders'>;

/**
 * Most requests read data and load nothing of the control plane, so loaders are made when they are first asked for. The
 * server copies the context, property by property: a getter of the class survives that, one of an object would run.
 */
class Context implements RequestContext {
  readonly principal: Principal;
  readonly world: World;
  readonly visible: Catalog;
  readonly services: ControlServices;
  readonly reads: DatasetReads;
  private readonly made: { loaders?: Loaders } = {};

  constructor({ principal, world, visible, services, reads }: Given) {
    this.principal = principal;
    this.world = world;
    this.visible = visible;
    this.services = services;
    this.reads = reads;
  }

  get loaders(): Loaders {
    const { database, runs, reports } = this.services;
    return (this.made.loaders ??= createLoaders(database.dataSource, runs, reports));
  }
}
