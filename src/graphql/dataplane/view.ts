import { ApolloServer, type ApolloServerPlugin } from '@apollo/server';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginInlineTraceDisabled,
  ApolloServerPluginLandingPageDisabled,
  ApolloServerPluginSchemaReportingDisabled,
  ApolloServerPluginUsageReportingDisabled,
} from '@apollo/server/plugin/disabled';
import type { GatewayGraphQLRequestContext, GatewayInterface } from '@apollo/server-gateway-interface';
import type { ExecutionResult, GraphQLError, GraphQLFormattedError } from 'graphql';
import type { Limits } from '../../config/index.js';
import type { Log } from '../../kernel/index.js';
import type { RequestContext } from '../context.js';
import { errorFormatter, errorsFormatter } from '../errors.js';
import { documentLimits } from './document-limits.js';
import { PlanCache, type PlanCounts } from './prepared-read.js';
import { executeKnown, executeOperation } from './executor.js';
import { KnownOperations, type KnownOperation } from './known-operations.js';
import { LiveOperations } from './live-operations.js';
import { PersistedQueries } from './persisted-queries.js';
import { stringifyResponse } from './raw-json.js';
import type { ViewSchemas } from './schemas.js';

export interface ViewOptions {
  readonly schemas: ViewSchemas;
  readonly limits: Limits;
  readonly log: Log;
  readonly planCounts: PlanCounts;
  /** Tells a router how long what took, when it asks; nobody is told when absent. */
  readonly trace?: ApolloServerPlugin;
}

/**
 * One version of the catalog as one set of principals may know it: a schema, an immutable server with document caches of
 * its own (a shared cache would tell who asked what), and the plans of its reads.
 */
export class View {
  readonly schemas: ViewSchemas;
  readonly plans: PlanCache;
  /** What the server validated. */
  readonly known: KnownOperations;
  /** What clients registered by its hash. */
  readonly persisted: PersistedQueries;
  readonly live: LiveOperations;
  readonly #formatErrors: FormatErrors;
  readonly server: ApolloServer<RequestContext>;
  #running = 0;
  #retired = false;

  private constructor({ schemas, known, live, persisted, plans, server, formatErrors }: ViewParts) {
    this.schemas = schemas;
    this.known = known;
    this.live = live;
    this.persisted = persisted;
    this.plans = plans;
    this.server = server;
    this.#formatErrors = formatErrors;
  }

  static async start({ schemas, limits, log, planCounts, trace = ApolloServerPluginInlineTraceDisabled() }: ViewOptions): Promise<View> {
    const protection = documentLimits(limits);
    const known = new KnownOperations(schemas, limits);
    const persisted = new PersistedQueries();
    const plugins = [
      ...protection.plugins,
      noteFor(known),
      ApolloServerPluginCacheControlDisabled(),
      trace,
      ApolloServerPluginLandingPageDisabled(),
      // Whatever the environment says for other servers: schemas and operations here are told to nobody.
      ApolloServerPluginSchemaReportingDisabled(),
      ApolloServerPluginUsageReportingDisabled(),
    ];
    const server = new ApolloServer<RequestContext>({
      gateway: gatewayOf(schemas),
      ...protection,
      parseOptions: { maxTokens: limits.maxTokens },
      // Neither depends on the context's type, which their declarations can't say.
      plugins: plugins as ApolloServerPlugin<RequestContext>[],
      introspection: true,
      includeStacktraceInErrorResponses: false,
      stopOnTerminationSignals: false,
      allowBatchedHttpRequests: false,
      persistedQueries: { cache: persisted },
      formatError: errorFormatter(log),
      stringifyResult: stringifyResponse,
      logger: { debug: (m) => log.debug(m), info: (m) => log.debug(m), warn: (m) => log.warn(m), error: (m) => log.error(m) },
    });
    await server.start();
    const live = new LiveOperations(schemas, limits, protection.validationRules ?? []);
    return new View({ schemas, known, live, persisted, plans: new PlanCache(planCounts), server, formatErrors: errorsFormatter(log) });
  }

  /**
   * The response to an operation that the server has validated before, as the server would write it, without what the
   * server does for all others. Undefined when the server must answer: the variables do not fit.
   */
  async answerKnown(known: KnownOperation, variables: Readonly<Record<string, unknown>>, context: RequestContext): Promise<string | undefined> {
    const { document, operation, roots } = known;
    const result =
      (roots && (await executeKnown(this.schemas, { ...known, roots }, variables, context))) ??
      (await executeOperation(this.schemas, { document, operation, operationName: operation.name?.value ?? null, variables, context }));
    // Variables that do not fit: the server says so in its words, and nothing was read.
    if (result.data === undefined) return undefined;
    return this.written(result);
  }

  /** A result as the text of a response. */
  written(result: ExecutionResult): string {
    return stringifyResponse(result.errors ? { ...result, errors: this.#formatErrors(result.errors) } : result);
  }

  /** Its server may have stopped: ask for the view again. */
  get retired(): boolean {
    return this.#retired;
  }

  /** Runs `work` with the server held open, although the view be retired meanwhile. */
  async use<T>(work: (server: ApolloServer<RequestContext>) => Promise<T>): Promise<T> {
    this.#running++;
    try {
      return await work(this.server);
    } finally {
      this.#running--;
      if (this.#retired && this.#running === 0) await this.server.stop();
    }
  }

  /** No new request comes here; the last one that runs stops the server. */
  async retire(): Promise<void> {
    this.#retired = true;
    if (this.#running === 0) await this.server.stop();
  }
}

interface ViewParts extends Pick<View, 'schemas' | 'known' | 'live' | 'persisted' | 'plans' | 'server'> {
  readonly formatErrors: FormatErrors;
}

type FormatErrors = (errors: readonly GraphQLError[]) => GraphQLFormattedError[];

/** Called between validation and execution. */
function noteFor(known: KnownOperations): ApolloServerPlugin<RequestContext> {
  return {
    requestDidStart: async () => ({
      didResolveOperation: async ({ source, request, document, operation }) => {
        if (operation) known.note(source, request.operationName ?? undefined, document, operation);
      },
    }),
  };
}

/** Apollo's own way to run something else than its schema: the API schema to validate with, and an executor. */
function gatewayOf(schemas: ViewSchemas): GatewayInterface {
  return {
    onSchemaLoadOrUpdate: (callback) => {
      // Nobody reads the text; to print a thousand datasets takes some 0.1 s.
      callback({ apiSchema: schemas.api, coreSupergraphSdl: '' });
      return () => undefined;
    },
    load: async () => ({
      executor: async (request: GatewayGraphQLRequestContext) =>
        executeOperation(schemas, {
          document: request.document,
          operation: request.operation,
          operationName: request.operationName,
          variables: request.request.variables ?? {},
          context: request.context as RequestContext,
        }),
    }),
    stop: async () => undefined,
  };
}
