import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** A request as the server had it. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export type Answering = (asked: Asked, response: ServerResponse) => unknown;

/** A real HTTP server on this machine, whose answers the test says. */
export class ApiServer {
  readonly asked: Asked[] = [];
  answer: Answering;
  readonly #server: Server;

  private constructor(answer: Answering) {
    this.answer = answer;
    this.#server = createServer((request, response) => {
      void this.#answer(request, response);
    });
  }

  static async start(answer: Answering): Promise<ApiServer> {
    const api = new ApiServer(answer);
    api.#server.listen(0, '127.0.0.1');
    await once(api.#server, 'listening');
    return api;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const asked = { method: request.method ?? '', path: pathname, query: searchParams, headers: request.headers, body: await text(request) };
    this.asked.push(asked);
    await this.answer(asked, response);
  }
}

export function json(response: ServerResponse, body: unknown, headers: Readonly<Record<string, string>> = {}, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(typeof body === 'string' ? body : JSON.stringify(body));
}
