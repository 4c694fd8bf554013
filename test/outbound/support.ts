import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer, type AddressInfo, type Server as SocketServer, type Socket } from 'node:net';
import { allowedAddresses } from '../../src/config/index.js';
import { silentLog, type Log } from '../../src/kernel/index.js';
import { Outbound, type OutboundRequest, type Resolve } from '../../src/outbound/index.js';

/** What a test opened, closed after it. */
export class Opened {
  readonly #closers: (() => unknown)[] = [];

  /** Answers on 127.0.0.1 and, in Linux, on all of 127.0.0.0/8. */
  async server(answer: RequestListener): Promise<Heard> {
    const heard = new Heard();
    const server = createHttpServer((request, response) => {
      heard.requests.push(request);
      answer(request, response);
    });
    server.on('connection', (socket) => heard.connectedTo.push(socket.localAddress ?? ''));
    await this.#listen(server, heard);
    this.#closers.push(() => server.closeAllConnections());
    return heard;
  }

  /** Says what it is told to, be it HTTP or not, when it has heard something. */
  async raw(talk: (socket: Socket) => void): Promise<Heard> {
    const heard = new Heard();
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
      heard.connectedTo.push(socket.localAddress ?? '');
      socket.once('data', () => talk(socket));
    });
    await this.#listen(server, heard);
    this.#closers.push(() => sockets.forEach((socket) => socket.destroy()));
    return heard;
  }

  outbound({ allow = '', resolve, log = silentLog }: { readonly allow?: string; readonly resolve?: Resolve; readonly log?: Log } = {}): Outbound {
    const outbound = new Outbound({ allow: allow === '' ? [] : (allowedAddresses(allow) ?? []), log, ...(resolve && { resolve }) });
    this.#closers.push(() => outbound.close());
    return outbound;
  }

  async close(): Promise<void> {
    for (const close of this.#closers.splice(0).toReversed()) await close();
  }

  async #listen(server: Server | SocketServer, heard: Heard): Promise<void> {
    server.listen(0, '0.0.0.0');
    await once(server, 'listening');
    heard.port = (server.address() as AddressInfo).port;
    this.#closers.push(() => server.close());
  }
}

/** What a server has heard. */
export class Heard {
  readonly requests: IncomingMessage[] = [];
  /** Its own address, of each connection. */
  readonly connectedTo: string[] = [];
  port = 0;

  url(path = '/'): string {
    return `http://127.0.0.1:${this.port}${path}`;
  }
}

export const asked = (url: string, more: Partial<OutboundRequest> = {}): OutboundRequest => ({ url, maxBytes: 1024 ** 2, timeoutMs: 5_000, ...more });

/** What it is refused with. */
export async function refusal(promise: Promise<unknown>): Promise<Error & { code: string; details: Record<string, unknown> }> {
  return await promise.then(
    () => {
      throw new Error('it was not refused');
    },
    (error: unknown) => error as Error & { code: string; details: Record<string, unknown> },
  );
}
