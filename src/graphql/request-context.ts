import type { Admission, Reader } from '../access/index.js';
import type { Catalog } from '../catalog/index.js';
import type { Limits } from '../config/index.js';
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
  readonly limits: Limits;
  readonly admission: Admission;
  /** Counts questions about the schema. @throws HeadgateError RATE_LIMITED */
  readonly admitIntrospection: (principal: Principal, address?: string) => Promise<void>;
}

/** What one request brings. */
export interface RequestFacts {
  readonly principal: Principal;
  readonly world: World;
  readonly view: View;
  /** SHA-256 of the operation's text, hex. */
  readonly operationHash: string;
  /** Of the socket; requests without a credential share their limits by it. */
  readonly address?: string | undefined;
}

/** The context of one GraphQL request: its reads and loaders are its own, and end with it. */
export function createContext(setting: RequestSetting, { principal, world, view, operationHash, address }: RequestFacts): RequestContext {
  const { services, reader, limits, admission } = setting;
  const { authorizer } = world;
  const { catalog, plane } = view.schemas;
  const { audit } = services;
  const reads = new DatasetReads({
    principal,
    plane,
    plans: view.plans,
    authorizer,
    reader,
    maskKeys: authorizer.maskKeys,
    audit,
    limits,
    admission,
    address,
    operationHash,
  });
  const admitIntrospection = async (): Promise<void> => setting.admitIntrospection(principal, address);
  return new Context({ principal, world, visible: catalog, services, reads, admitIntrospection });
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
  readonly admitIntrospection: () => Promise<void>;
  private readonly made: { loaders?: Loaders } = {};

  constructor({ principal, world, visible, services, reads, admitIntrospection }: Given) {
    this.principal = principal;
    this.world = world;
    this.visible = visible;
    this.services = services;
    this.reads = reads;
    this.admitIntrospection = admitIntrospection;
  }

  get loaders(): Loaders {
    const { database, runs, reports } = this.services;
    return (this.made.loaders ??= createLoaders(database.dataSource, runs, reports));
  }
}
