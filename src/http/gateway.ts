import Fastify, { LogController, type FastifyInstance, type FastifyServerOptions } from 'fastify';
import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createSecureContext } from 'node:tls';
import type { Config } from '../config/index.js';
import { HeadgateError, messageOf, newId, type Log } from '../kernel/index.js';
import type { Database } from '../store/index.js';
import { auditRoutes, type AuditRoutesOptions } from './audit-routes.js';
import type { Door } from './authenticate.js';
import { cors } from './cors.js';
import { eventsRoute, type EventsRouteOptions } from './events-route.js';
import { exportRoute, type ExportRouteOptions } from './export-route.js';
import { graphiqlFiles } from './graphiql.js';
import { graphqlRoute, type GraphqlRouteOptions } from './graphql-route.js';
import { health } from './health.js';
import { ingestRoute, type IngestRouteOptions } from './ingest-route.js';
import { manifestRoutes, type ManifestRoutesOptions } from './manifest-routes.js';
import type { Metrics } from './metrics.js';
import { presentable, sendProblem } from './problem.js';
import { shedding } from './shedding.js';
import { isWebSocketUpgrade } from './socket-upgrade.js';
import { Sockets, type SocketsOptions } from './sockets.js';
import { startPage } from './start-page.js';
import { subjectRoute, type SubjectRouteOptions } from './subject-route.js';
import { UNROUTED } from './unrouted.js';

export interface GatewayOptions
  extends
    Door,
    Pick<GraphqlRouteOptions, 'world' | 'views' | 'contextOf' | 'documents'>,
    Pick<IngestRouteOptions, 'load' | 'preview'>,
    Pick<EventsRouteOptions, 'events'>,
    Pick<ExportRouteOptions, 'startExport'>,
    Pick<SubjectRouteOptions, 'openSubjectExport'>,
    Pick<SocketsOptions, 'subscriptions'> {
  readonly gate: Door['gate'] & EventsRouteOptions['gate'];
  readonly authenticator: Door['authenticator'] & SocketsOptions['authenticator'] & { check(): void };
  readonly config: Pick<Config, 'host' | 'port' | 'tls' | 'corsOrigins' | 'limits'>;
  readonly log: Log;
  readonly database: Database;
  readonly metrics: Metrics;
  readonly manifests: ManifestRoutesOptions['manifests'];
  readonly record: Pick<AuditRoutesOptions, 'files' | 'verify'>;
}

/** A socket on which nothing moves for so long is closed; loads and verifications may be silent longer. */
const IDLE_MS = 120_000;
/** How long requests that run may go on when the process stops. */
const DRAIN_MS = 10_000;
const IDLE_LOOK_MS = 50;
/** Known to Node from 24.9 on; an older one ends a connection that asks for another protocol than WebSocket. */
const UPGRADES = { shouldUpgradeCallback: isWebSocketUpgrade };

/** The HTTP server. */
export class Gateway {
  readonly url: string;
  readonly #app: FastifyInstance;
  readonly #sockets: Sockets;

  private constructor(app: FastifyInstance, sockets: Sockets, url: string) {
    this.#app = app;
    this.#sockets = sockets;
    this.url = url;
  }

  /** Listens when it resolves. @throws HeadgateError CONFLICT when the port is in use; BAD_USER_INPUT for a bad host, port or certificate. */
  static async start(options: GatewayOptions): Promise<Gateway> {
    const { host, port, tls } = options.config;
    const app = await build(options);
    const sockets = new Sockets(app.server, options);
    options.metrics.watchSockets({ connections: () => sockets.open, subscriptions: () => options.subscriptions.open });
    try {
      await app.listen({ host, port });
    } catch (cause) {
      await sockets.close();
      await app.close();
      throw listenError(cause, host, port);
    }
    const { port: bound } = app.server.address() as AddressInfo;
    const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host;
    return new Gateway(app, sockets, `${tls ? 'https' : 'http'}://${name}:${bound}`);
  }

  /** Takes no more requests and waits for those that run, 10 s at the most. */
  async close(): Promise<void> {
    const { server } = this.#app;
    const late = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
    // A connection whose last request has just ended would be kept for the next one, which is not coming.
    const idle = setInterval(() => server.closeIdleConnections(), IDLE_LOOK_MS);
    try {
      await Promise.all([this.#sockets.close(), this.#app.close()]);
    } finally {
      clearTimeout(late);
      clearInterval(idle);
    }
  }
}

async function build(options: GatewayOptions): Promise<FastifyInstance> {
  const { config, log, database } = options;
  const settings: FastifyServerOptions = {
    loggerInstance: childless(log),
    // Its line of a request holds the URL, and with it the values of a query.
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => newId(),
    bodyLimit: config.limits.maxRequestBytes,
    connectionTimeout: IDLE_MS,
    ...UNROUTED,
    ...(config.tls ? { https: { ...(await certificate(config.tls)), ...UPGRADES } } : { http: UPGRADES }),
  };
  const app = Fastify(settings);
  headers(app, config.tls !== undefined);
  cors(app, config.corsOrigins);
  shedding(app, options.gate);
  if (log.isLevelEnabled('info')) {
    app.addHook('onResponse', async (request, reply) => {
      log.info(
        { reqId: request.id, method: request.method, route: request.routeOptions.url, status: reply.statusCode, ms: Math.round(reply.elapsedTime) },
        'request',
      );
    });
  }
  app.setErrorHandler(async (thrown, request, reply) => {
    const { error, status } = presentable(thrown, log.child({ reqId: request.id }));
    return sendProblem(reply, error, status);
  });
  app.setNotFoundHandler(async (request, reply) =>
    sendProblem(reply, new HeadgateError('NOT_FOUND', `There is no route ${request.method} ${request.url.split('?')[0]?.slice(0, 200)}.`)),
  );
  options.metrics.route(app);
  startPage(app);
  graphiqlFiles(app);
  health(app, { database, catalogVersion: () => options.world().catalog.version, check: () => options.authenticator.check() });
  graphqlRoute(app, { ...options, maxRequestBytes: config.limits.maxRequestBytes });
  ingestRoute(app, options);
  eventsRoute(app, { ...options, limits: config.limits });
  exportRoute(app, options);
  subjectRoute(app, options);
  manifestRoutes(app, options);
  auditRoutes(app, { ...options, ...options.record });
  return app;
}

/** What is logged of a request names it; a logger of its own for each request is rarely used, and a factory of them is checked at each. */
function childless(log: Log): Log {
  const same: Log = Object.create(log, { child: { value: () => same } }) as Log;
  return same;
}

function headers(app: FastifyInstance, secure: boolean): void {
  const same = {
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'cache-control': 'no-store',
    ...(secure && { 'strict-transport-security': 'max-age=31536000' }),
  };
  app.addHook('onRequest', (request, reply, done) => {
    void reply.header('x-request-id', request.id).headers(same);
    done();
  });
}

async function certificate({ certFile, keyFile }: NonNullable<Config['tls']>): Promise<{ cert: Buffer; key: Buffer }> {
  const read = async (file: string, variable: string) =>
    readFile(file).catch((cause: unknown) => {
      throw new HeadgateError('BAD_USER_INPUT', `${variable}: ${file} can't be read: ${messageOf(cause)}.`, { file }, { cause });
    });
  const files = { cert: await read(certFile, 'HEADGATE_TLS_CERT'), key: await read(keyFile, 'HEADGATE_TLS_KEY') };
  try {
    createSecureContext(files);
  } catch (cause) {
    throw new HeadgateError(
      'BAD_USER_INPUT',
      'HEADGATE_TLS_CERT and HEADGATE_TLS_KEY: expected a certificate and the private key that belongs to it, both as PEM files.',
      { certFile, keyFile },
      { cause },
    );
  }
  return files;
}

function listenError(cause: unknown, host: string, port: number): unknown {
  const code = (cause as NodeJS.ErrnoException).code;
  const details = { host, port };
  if (code === 'EADDRINUSE')
    return new HeadgateError('CONFLICT', `Port ${port} is in use on ${host}. Stop the program that has it, or choose another with --port or PORT.`, details, {
      cause,
    });
  if (code === 'EACCES')
    return new HeadgateError('BAD_USER_INPUT', `Port ${port} may not be used by this user. Choose one above 1023 with --port or PORT.`, details, { cause });
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return new HeadgateError(
      'BAD_USER_INPUT',
      `${host} is not an address of this machine. Choose one with --host or HOST, such as 127.0.0.1 or 0.0.0.0.`,
      details,
      { cause },
    );
  }
  return cause;
}
