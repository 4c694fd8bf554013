import type { GraphQLSchema } from 'graphql';
import { GraphQLBoolean, GraphQLNonNull, GraphQLObjectType, GraphQLSchema as Schema, GraphQLString } from 'graphql';
import { Admission, AnswerCache, Reader } from '../../src/access/index.js';
import { AuditLog, type AuditFact } from '../../src/audit/index.js';
import {
  applyManifests,
  catalogEntities,
  DataChanges,
  datasetKind,
  loadCatalog,
  parseManifests,
  purposeKind,
  sourceKind,
  type ApplyResult,
  type ManifestKind,
} from '../../src/catalog/index.js';
import { loadConfig, type Limits } from '../../src/config/index.js';
import { AccessGrantEntity, Authorizer, buildPolicy, grantKind, loadPolicy, type GrantSpec } from '../../src/governance/index.js';
import type { World } from '../../src/graphql/index.js';
import { DatasetReads } from '../../src/graphql/dataplane/dataset-reads.js';
import { stringifyResponse } from '../../src/graphql/dataplane/raw-json.js';
import type { RequestContext } from '../../src/graphql/context.js';
import type { View } from '../../src/graphql/dataplane/view.js';
import { Views } from '../../src/graphql/views.js';
import { ANONYMOUS, type Principal } from '../../src/identity/index.js';
import { sha256, silentLog } from '../../src/kernel/index.js';
import { PipelineEntity, pipelineKind } from '../../src/processing/index.js';
import { Outbound } from '../../src/outbound/index.js';
import { HttpClients, Sources } from '../../src/sources/index.js';
import { prepareParser } from '../../src/sql/index.js';
import { KeptAnswers } from '../../src/storage/index.js';
import { Database, KeyRing, Notifications, type Connection as DatabaseConnection, type PreparedQuery } from '../../src/store/index.js';
import { createTestDatabase } from './database.js';

export { ANONYMOUS };

export function principal(given: Partial<Principal>): Principal {
  return { subject: 'someone', roles: [], purposes: [], claims: {}, anonymous: false, ...given };
}

/** A connection of the data plane, as far as the query asked for it. */
export interface Connection {
  readonly totalCount: number;
  readonly nodes: readonly Readonly<Record<string, unknown>>[];
  readonly edges: readonly { readonly cursor: string; readonly node: Readonly<Record<string, unknown>> }[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly hasPreviousPage: boolean; readonly startCursor: string; readonly endCursor: string };
}

/** A GraphQL answer, as a client reads it. */
export interface Answer {
  readonly text: string;
  readonly data: Readonly<Record<string, Connection>>;
  readonly errors?: readonly { message: string; path?: readonly (string | number)[]; extensions: Record<string, unknown> }[];
  readonly extensions?: Record<string, unknown>;
}

/** A request as it comes over HTTP; without `query` it is one of an automatic persisted query. */
export interface Asked {
  readonly query?: string;
  readonly variables?: Record<string, unknown>;
  readonly operationName?: string;
  readonly extensions?: Record<string, unknown>;
}

/** The data plane over a database of its own: catalog, grants, reads, audit; without HTTP and control plane. */
export class House {
  readonly database: Database;
  readonly where: DatabaseConnection;
  readonly facts: AuditFact[] = [];
  /** What reads sent to the database, oldest first. */
  readonly statements: PreparedQuery[] = [];
  readonly #views: Views;
  readonly #audit: AuditLog;
  readonly #limits: Limits;
  readonly admission: Admission;
  readonly keyRing = new KeyRing(Buffer.alloc(32, 7));
  readonly #drop: () => Promise<void>;
  #world: World | undefined;
  /** Of answers that are kept, after `keepAnswers`. */
  answers: { readonly cache: AnswerCache; readonly store: KeptAnswers; readonly changes: DataChanges; readonly close: () => Promise<void> } | undefined;

  /** What sources answered, as it came. */
  readonly fetched: (string | null)[][] = [];
  /** Off where two answers to one question differ: what is behind them changes meanwhile. */
  asksTwice = true;
  /** Live datasets are where these secrets say. */
  readonly secrets = new Map<string, string>();
  readonly outbound = new Outbound({ allow: [], log: silentLog });
  readonly sources = new Sources({
    secrets: this.secrets,
    log: silentLog,
    restMs: 300,
    clients: new HttpClients({ secrets: this.secrets, outbound: this.outbound, log: silentLog, restMs: 300 }),
  });

  private constructor(database: Database, where: DatabaseConnection, drop: () => Promise<void>, limits: Limits) {
    this.database = database;
    this.where = where;
    this.#drop = drop;
    this.#limits = limits;
    this.admission = new Admission({ max: limits.maxConcurrentReads });
    this.#audit = new AuditLog({ database, log: silentLog, mode: 'strict' });
    this.#views = new Views(standInControl(), limits, silentLog);
  }

  static async open(limits: Partial<Limits> = {}): Promise<House> {
    await prepareParser();
    const { connection, drop } = await createTestDatabase();
    const database = await Database.open({ connection, entities: [...catalogEntities, AccessGrantEntity, PipelineEntity], statementTimeoutMs: 10_000 });
    return new House(database, connection, drop, { ...loadConfig({}).limits, ...limits });
  }

  /** From now on answers are kept, of the datasets that opted in. */
  async keepAnswers({ maxBytes = 1_000_000, redisUrl }: { maxBytes?: number; redisUrl?: string } = {}): Promise<void> {
    const { database, keyRing, where } = this;
    const notifications = new Notifications(where, silentLog);
    await notifications.start();
    const changes = await DataChanges.start({ database, notifications, log: silentLog });
    const store = await KeptAnswers.open({ maxBytes, redisUrl, keyRing, log: silentLog });
    const cache = new AnswerCache({ store, markOf: (id) => changes.markOf(id), secret: () => keyRing.derive('cache/key') });
    const close = async (): Promise<void> => {
      changes.close();
      store.close();
      await notifications.close();
    };
    this.answers = { cache, store, changes, close };
  }

  async apply(text: string): Promise<ApplyResult> {
    const kinds = [purposeKind, sourceKind, datasetKind, pipelineKind, grantKind] as unknown as ManifestKind[];
    const result = await applyManifests({
      database: this.database,
      kinds,
      audit: this.#audit,
      actor: { subject: 'test', roles: ['admin'] },
      sources: this.sources,
      documents: parseManifests([{ file: 'test.yaml', text }], kinds),
    });
    this.#world = undefined;
    return result;
  }

  /** Puts grants in force as they are, without the checks of an apply. */
  async grant(specs: readonly GrantSpec[]): Promise<void> {
    const catalog = await this.database.transaction((tx) => loadCatalog(tx));
    const policy = buildPolicy(catalog, specs, (grant, error) => {
      throw new Error(`grant ${grant}`, { cause: error });
    });
    this.#world = { catalog, authorizer: new Authorizer(policy, this.keyRing.active) };
  }

  async world(): Promise<World> {
    this.#world ??= await this.database.transaction(async (tx) => {
      const catalog = await loadCatalog(tx);
      return { catalog, authorizer: new Authorizer(await loadPolicy(tx, catalog, silentLog), this.keyRing.active) };
    }, 'REPEATABLE READ');
    return this.#world;
  }

  /** The one connection under `key`. */
  async connection(who: Principal, key: string, query: string): Promise<Connection> {
    const { data, errors } = await this.query(who, query);
    const connection = data[key];
    if (errors || !connection) throw new Error(`no ${key}: ${JSON.stringify(errors)}`);
    return connection;
  }

  async query(who: Principal, query: string, variables: Record<string, unknown> = {}): Promise<Answer> {
    return this.ask(who, { query, variables });
  }

  /** @param fresh no answer that was kept */
  async ask(who: Principal, request: Asked, { fresh = false } = {}): Promise<Answer> {
    const world = await this.world();
    this.sources.settle(world.catalog);
    const view = await this.#views.viewFor(world, who);
    const first = this.#context(who, world, view, { ...request, fresh });
    const { body } = await view.server.executeOperation(request, { contextValue: first.context });
    if (body.kind !== 'single') throw new Error('one answer expected');
    const text = stringifyResponse(body.singleResult);
    this.statements.push(...first.statements);
    this.facts.push(...first.facts);
    if (this.asksTwice) await this.#askAgain(who, world, view, { ...request, fresh }, { text, statements: first.statements, facts: first.facts });
    return { text, ...(JSON.parse(text) as Omit<Answer, 'text'>) };
  }

  /** Whatever was asked once goes a shorter way the next time: the answer, its statements and its entries must be the same. */
  async #askAgain(
    who: Principal,
    world: World,
    view: View,
    { query: given, operationName, variables = {}, extensions, fresh }: Asked & { fresh: boolean },
    before: Outcome,
  ): Promise<void> {
    const query = given ?? view.persisted.textOf((extensions?.['persistedQuery'] as { sha256Hash?: string } | undefined)?.sha256Hash ?? '');
    const known = query === undefined || (extensions && given !== undefined) ? undefined : view.known.get(query, operationName);
    if (!known) return;
    const { context, statements, facts } = this.#context(who, world, view, { ...(given !== undefined && { query: given }), fresh });
    const text = await view.answerKnown(known, variables, context);
    if (text === undefined) {
      if (before.statements.length > 0) throw new Error('what was answered the long way was not answered the short way');
      return;
    }
    // What is kept needs no statement, and says so on the record.
    const isKept = !fresh && this.answers !== undefined;
    const again = comparable({ text, statements: isKept ? [] : statements, facts: isKept ? facts.map(withoutCached) : facts });
    const once = comparable(isKept ? { ...before, statements: [], facts: before.facts.map(withoutCached) } : before);
    if (again !== once) throw new Error(`the second answer to ${query} differs:\n${once}\n${again}`);
  }

  /** The price that a request has: it is refused for it. */
  async price(who: Principal, query: string, variables: Record<string, unknown> = {}): Promise<number> {
    const world = await this.world();
    const view = await this.#views.viewFor(world, who);
    const { context } = this.#context(who, world, view, { query, fresh: true, limits: { ...this.#limits, maxCost: -1 } });
    const { body } = await view.server.executeOperation({ query, variables }, { contextValue: context });
    if (body.kind !== 'single') throw new Error('one answer expected');
    // Each root field is told what those before it and itself cost.
    return Math.max(...(body.singleResult.errors ?? []).map(({ extensions }) => Number(extensions?.['price'])));
  }

  #context(
    who: Principal,
    world: World,
    view: View,
    { query = '', fresh, limits = this.#limits }: { query?: string; fresh: boolean; limits?: Limits },
  ): { context: RequestContext; statements: PreparedQuery[]; facts: AuditFact[] } {
    const statements: PreparedQuery[] = [];
    const facts: AuditFact[] = [];
    const reads = new DatasetReads({
      principal: who,
      plane: view.schemas.plane,
      plans: view.plans,
      authorizer: world.authorizer,
      reader: new Reader(
        {
          query: async (statement) => {
            statements.push(statement);
            return this.database.reader.query(statement);
          },
        },
        this.#observed(statements),
        fresh ? undefined : this.answers?.cache,
      ),
      maskKeys: world.authorizer.maskKeys,
      audit: {
        record: async (fact) => {
          await this.#audit.record(fact);
          facts.push(fact);
        },
      },
      limits,
      admission: this.admission,
      operationHash: sha256(query),
    });
    const context = { principal: who, world, visible: view.schemas.catalog, reads, admitIntrospection: async () => undefined } as unknown as RequestContext;
    return { context, statements, facts };
  }

  /** The sources, with what is sent to them put beside what is sent to the store. */
  #observed(statements: PreparedQuery[]): Pick<Sources, 'of' | 'api'> {
    return {
      api: (name) => this.sources.api(name),
      of: (name) => {
        const source = this.sources.of(name);
        return new Proxy(source, {
          get: (target, key) => {
            if (key === 'query') {
              return async (statement: PreparedQuery, options: { mayFail?: boolean }) => {
                statements.push(statement);
                const rows = await target.query(statement, options);
                this.fetched.push(...rows);
                return rows;
              };
            }
            const value: unknown = Reflect.get(target, key, target);
            return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
          },
        });
      },
    };
  }

  async schema(who: Principal): Promise<GraphQLSchema> {
    return (await this.#views.viewFor(await this.world(), who)).schemas.api;
  }

  async close(): Promise<void> {
    await this.answers?.close();
    await this.#views.stop();
    await this.sources.close();
    await this.outbound.close();
    await this.#audit.close();
    await this.database.close();
    await this.#drop();
  }
}

interface Outcome {
  readonly text: string;
  readonly statements: readonly PreparedQuery[];
  readonly facts: readonly AuditFact[];
}

function withoutCached({ details, ...fact }: AuditFact): AuditFact {
  const rest = Object.fromEntries(Object.entries(details ?? {}).filter(([name]) => name !== 'cached'));
  return Object.keys(rest).length > 0 ? { ...fact, details: rest } : fact;
}

/** Without what differs from time to time: how long it took, ids of unexpected errors, and the order of roots that run side by side. */
function comparable({ text, statements, facts }: Outcome): string {
  const answer = text.replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'an id');
  const sent = statements.map((statement) => JSON.stringify(statement)).toSorted();
  const acts = facts.map(({ durationMs: _, ...fact }) => JSON.stringify(fact)).toSorted();
  return [answer, ...sent, ...acts].join('\n');
}

/** The least that the data plane needs of a control plane. */
function standInControl(): GraphQLSchema {
  const flag = { type: new GraphQLNonNull(GraphQLBoolean) };
  const pageInfo = new GraphQLObjectType({
    name: 'PageInfo',
    fields: { hasNextPage: flag, hasPreviousPage: flag, startCursor: { type: GraphQLString }, endCursor: { type: GraphQLString } },
  });
  const me = { type: GraphQLString, resolve: (_parent: unknown, _args: unknown, context: RequestContext) => context.principal.subject };
  return new Schema({ query: new GraphQLObjectType({ name: 'Query', fields: { me } }), types: [pageInfo] });
}
