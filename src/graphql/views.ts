import type { GraphQLSchema } from 'graphql';
import type { Limits } from '../config/index.js';
import { visibleCatalog } from '../governance/index.js';
import type { Principal } from '../identity/index.js';
import { HeadgateError, LruMap, type Log } from '../kernel/index.js';
import type { World } from './context.js';
import { datasetResolver } from './dataplane/dataset-resolver.js';
import type { PlanCounts } from './dataplane/prepared-read.js';
import { buildSchemas, type ViewSchemas } from './dataplane/schemas.js';
import { View } from './dataplane/view.js';

/** A view holds a schema and a server; most installations need one, since few have secret datasets. */
const KEPT_VIEWS = 20;

/**
 * The views of the current world, made when first asked for. A new world makes new ones; those of the old world end
 * with their last request.
 */
export class Views {
  readonly #control: GraphQLSchema;
  readonly #limits: Limits;
  readonly #log: Log;
  readonly #resolve = datasetResolver();
  /** Of all views, those that are gone included. */
  readonly planCounts: PlanCounts = { hits: 0, misses: 0, evictions: 0 };
  readonly #started = new Set<View>();
  readonly #views = new LruMap<string, Promise<View>>(KEPT_VIEWS, (_key, view) => this.#retire(view));
  #world: World | undefined;
  #stopped = false;

  constructor(control: GraphQLSchema, limits: Limits, log: Log) {
    this.#control = control;
    this.#limits = limits;
    this.#log = log;
  }

  /** The view that a principal has of the world. @throws HeadgateError UNAVAILABLE once they have stopped. */
  async viewFor(world: World, principal: Principal): Promise<View> {
    // Whoever asked may be gone, and its request be under way still: it must not wait for a view that never comes.
    if (this.#stopped) throw new HeadgateError('UNAVAILABLE', 'The server is stopping. Try again in a moment.');
    if (world !== this.#world) this.#startOver(world);
    const known = world.authorizer.knownSecrets(principal);
    const key = known.join(' ');
    const started = this.#views.get(key);
    if (started) return await started;
    const view = View.start({ schemas: this.schemasFor(world, known), limits: this.#limits, log: this.#log, planCounts: this.planCounts });
    this.#views.set(key, view);
    view.then((one) => one.retired || this.#started.add(one)).catch(() => undefined);
    // A view that did not start must not be kept.
    view.catch(() => this.#views.delete(key));
    return await view;
  }

  /** The view of the world as it is now. While a view starts, the catalog may change and retire it: then it is the one that came after. */
  async current(world: () => World, principal: Principal): Promise<{ readonly world: World; readonly view: View }> {
    for (;;) {
      const now = world();
      const view = await this.viewFor(now, principal);
      if (!view.retired) return { world: now, view };
    }
  }

  /** The schemas alone, for printing. */
  schemasFor(world: World, knownSecrets: readonly string[]): ViewSchemas {
    return buildSchemas(visibleCatalog(world.catalog, knownSecrets), this.#control, this.#resolve, this.#limits);
  }

  /** What the views of now hold. */
  get held(): { readonly views: number; readonly plans: number; readonly persistedQueries: number } {
    const views = [...this.#started];
    return {
      views: views.length,
      plans: views.reduce((sum, view) => sum + view.plans.size, 0),
      persistedQueries: views.reduce((sum, view) => sum + view.persisted.size, 0),
    };
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.allSettled([...this.#views.values()].map(async (view) => (await view).retire()));
  }

  #startOver(world: World): void {
    for (const view of this.#views.values()) this.#retire(view);
    this.#views.clear();
    this.#world = world;
  }

  #retire(view: Promise<View>): void {
    const end = async (started: View): Promise<void> => {
      this.#started.delete(started);
      await started.retire();
    };
    view.then(end).catch((error: unknown) => this.#log.warn({ err: error }, 'a view did not stop'));
  }
}
