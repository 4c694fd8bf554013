import { GraphQLError, GraphQLSchema, parse } from 'graphql';
import { handleProtocols, makeServer, type Context, type Server as ProtocolServer, type SubscribePayload } from 'graphql-ws';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type ServerOptions } from 'ws';
import type { Config } from '../config/index.js';
import type { DocumentGate, Subscription, Subscriptions } from '../graphql/index.js';
import type { Standing } from '../identity/index.js';
import { HeadgateError, messageOf, type Log } from '../kernel/index.js';
import { recordingRefusal, type Credentials, type Door } from './authenticate.js';
import { trusted } from './trusted.js';
import { connectionCredentials, CREDENTIAL_HEADERS } from './connection-params.js';
import { presentable } from './problem.js';
import { Caller, CLOSE, Socket } from './socket.js';
import { refuseUpgrade, upgradeRefusal } from './socket-upgrade.js';
import { SocketWatch } from './socket-watch.js';

export interface SocketsOptions extends Pick<Door, 'audit' | 'gate'> {
  readonly authenticator: {
    standing(credentials: Credentials): Promise<Standing>;
    revoked(standings: readonly Standing[]): Promise<ReadonlySet<Standing>>;
  };
  readonly subscriptions: Subscriptions;
  /** Which documents may be executed; any without it. */
  readonly documents?: DocumentGate | undefined;
  readonly config: Pick<Config, 'corsOrigins'>;
  readonly log: Log;
}

/** How long a connection may take to say whose it is. */
const INIT_MS = 5_000;
/** Connections of one network address that have not said so. Behind a proxy all come from one. */
const MOST_ARRIVING = 200;
/** Bytes of one message. It is kept as long as its subscription. */
const LONGEST_MESSAGE = 256 * 1024;
/** How long a client may take to answer that a connection closes. */
const CLOSE_MS = 2_000;
/** What the library executes where there is nothing to execute. */
const NOTHING = { schema: new GraphQLSchema({}), document: parse('subscription { __typename }') };

/** The WebSockets of a server, and the protocol on them: graphql-transport-ws, subscriptions only. */
export class Sockets {
  readonly #options: SocketsOptions;
  readonly #server: WebSocketServer;
  readonly #protocol: ProtocolServer<Socket>;
  readonly #open = new Set<Socket>();
  /** How many of each address have not been let in. */
  readonly #arriving = new Map<string, number>();
  readonly #watch: SocketWatch;
  #isClosing = false;

  constructor(http: Server, options: SocketsOptions) {
    this.#options = options;
    const settings: ServerOptions & { readonly closeTimeout: number } = {
      noServer: true,
      clientTracking: false,
      // Its buffers would take more than all else of a connection that is idle.
      perMessageDeflate: false,
      autoPong: false,
      maxPayload: LONGEST_MESSAGE,
      closeTimeout: CLOSE_MS,
      handleProtocols,
    };
    this.#server = new WebSocketServer(settings);
    this.#protocol = this.#protocolServer();
    this.#watch = new SocketWatch({ ...options, sockets: this.#open });
    http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => this.#upgrade(request, socket, head));
  }

  get open(): number {
    return this.#open.size;
  }

  /** Ends all connections, and tells each that the server goes away. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#watch.stop();
    const closed = [...this.#open].map((socket) => new Promise((resolve) => socket.ws.once('close', resolve)));
    for (const socket of this.#open) socket.close(CLOSE.AWAY, 'The server is stopping.');
    // Who does not answer in time is cut off by the library.
    await Promise.all(closed);
    await this.#options.subscriptions.close();
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const address = request.socket.remoteAddress ?? '';
    const refusal = this.#isClosing
      ? new HeadgateError('UNAVAILABLE', 'The server is stopping. Try again in a moment.')
      : (upgradeRefusal(request, this.#options.config.corsOrigins) ??
        ((this.#arriving.get(address) ?? 0) >= MOST_ARRIVING
          ? new HeadgateError('RATE_LIMITED', 'Too many connections of this address have not said whose they are. Try again in a moment.')
          : undefined));
    if (refusal) return refuseUpgrade(socket, refusal);
    const headers = Object.fromEntries(
      CREDENTIAL_HEADERS.flatMap((name) => {
        const value = request.headers[name];
        return typeof value === 'string' ? [[name, value]] : [];
      }),
    );
    this.#server.handleUpgrade(request, socket, head, (ws) => this.#opened(new Socket(ws, address, headers)));
  }

  #opened(socket: Socket): void {
    const { ws, address } = socket;
    this.#open.add(socket);
    this.#arriving.set(address, (this.#arriving.get(address) ?? 0) + 1);
    const alive = () => (socket.isAlive = true);
    // The library reads no message of a connection with another protocol.
    const closed = this.#protocol.opened(
      {
        protocol: ws.protocol,
        send: (data) => socket.sendSmall(data),
        close: (code = CLOSE.FAULT, reason = '') => socket.close(code, reason),
        onMessage: (handle) =>
          ws.on('message', (data: Buffer) => {
            alive();
            handle(data.toString()).catch((error: unknown) => this.#onFault(socket, error));
          }),
      },
      socket,
    );
    ws.on('pong', alive);
    ws.on('ping', (data) => {
      alive();
      socket.pong(data);
    });
    // What a client does to its connection is its own business; the end of it follows.
    ws.on('error', () => undefined);
    ws.once('close', (code, reason) => {
      this.#open.delete(socket);
      if (!socket.caller?.line) this.#arrived(address);
      void closed(code, reason.toString()).catch((error: unknown) => this.#options.log.error({ err: error }, 'a connection did not end as it should'));
    });
  }

  #arrived(address: string): void {
    const left = (this.#arriving.get(address) ?? 1) - 1;
    if (left > 0) this.#arriving.set(address, left);
    else this.#arriving.delete(address);
  }

  #protocolServer(): ProtocolServer<Socket> {
    return makeServer<Record<string, unknown>, Socket>({
      connectionInitWaitTimeout: INIT_MS,
      onConnect: (context) => this.#admit(context),
      onSubscribe: (context, operation, payload) => this.#subscribe(context, operation, payload),
      // What was started in the step before; it tells its events by itself.
      subscribe: ({ contextValue }) => contextValue as Subscription,
      onError: (_context, _operation, _payload, errors) => this.#options.subscriptions.errorsOf(errors),
      onDisconnect: ({ extra: { caller } }) => {
        if (caller?.line) this.#options.subscriptions.leave(caller.line);
      },
    });
  }

  /** Lets in, or closes with the reason. */
  async #admit({ extra: socket, connectionParams }: Context<Record<string, unknown>, Socket>): Promise<boolean> {
    const { authenticator, gate, subscriptions } = this.#options;
    try {
      gate.pass();
      const caller = await recordingRefusal(this.#options, socket.address, async () => {
        const admitted = new Caller(socket, await authenticator.standing(connectionCredentials(connectionParams, socket.headers)));
        // A credential is trusted for a moment, and this connection may last: it must not begin with one that was revoked in it.
        if (admitted.isRevocable && (await authenticator.revoked([admitted.standing])).size > 0) throw revoked();
        return admitted;
      });
      await gate.admit(caller.principal, socket.address);
      if (!socket.isOpen) return false;
      caller.line = subscriptions.join(caller);
      socket.caller = caller;
      this.#arrived(socket.address);
      return true;
    } catch (thrown) {
      const { error } = presentable(thrown, this.#options.log);
      socket.close(closeCode(error), `${error.code}: ${error.message}`);
      return false;
    }
  }

  async #subscribe({ extra: { caller, address } }: Context<Record<string, unknown>, Socket>, operation: string, payload: SubscribePayload) {
    if (!caller?.line) throw new Error('a subscription before the connection was let in');
    const { operationName, variables } = payload;
    const { gate, documents, audit, subscriptions } = this.#options;
    try {
      gate.pass();
      await gate.admit(caller.principal, address);
      const { query } = documents ? await trusted(documents, { audit, principal: caller.principal }, payload) : payload;
      const started = await subscriptions.start(caller.line, operation, {
        query,
        operationName: operationName ?? undefined,
        variables: variables ?? {},
      });
      return 'length' in started ? started : { ...NOTHING, contextValue: started };
    } catch (error) {
      const originalError = error instanceof Error ? error : undefined;
      return [new GraphQLError(messageOf(error), { ...(originalError && { originalError }) })];
    }
  }

  #onFault(socket: Socket, error: unknown): void {
    // Of the library: a message of a kind that only servers send.
    if (error instanceof Error && error.message.startsWith('Unexpected message')) return socket.close(CLOSE.BAD_MESSAGE, 'Unexpected message received');
    this.#options.log.error({ err: error }, 'a message of a WebSocket failed');
    socket.close(CLOSE.FAULT, 'Something went wrong on our side.');
  }
}

function revoked(): HeadgateError {
  return new HeadgateError('UNAUTHENTICATED', 'The credential was revoked. Get a new one.', { reason: 'revoked' });
}

function closeCode({ code }: HeadgateError): number {
  if (code === 'UNAUTHENTICATED' || code === 'FORBIDDEN') return CLOSE.FORBIDDEN;
  return code === 'BAD_USER_INPUT' ? CLOSE.BAD_MESSAGE : CLOSE.TRY_LATER;
}
