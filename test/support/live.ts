import { createClient, type Client } from 'graphql-ws';
import { vi } from 'vitest';
import WebSocket from 'ws';

export interface LiveResult {
  readonly data?: Readonly<Record<string, unknown>> | null;
  readonly errors?: readonly { readonly message: string; readonly extensions: Readonly<Record<string, unknown>> }[];
  readonly extensions?: Readonly<Record<string, unknown>>;
}

export interface Params {
  readonly authorization?: string;
  readonly apiKey?: string;
  readonly purpose?: string;
}

export interface Asked {
  readonly query: string;
  readonly variables?: Record<string, unknown>;
}

/** One subscription of the protocol's own client, with all that came of it. */
export class Listener {
  readonly results: LiveResult[] = [];
  /** The messages of events, as they came. */
  readonly texts: string[] = [];
  /** Errors that ended the subscription, or what the connection was closed with. */
  readonly ends: unknown[] = [];
  isComplete = false;
  readonly #client: Client;
  readonly #stop: () => void;

  constructor(url: string, params: Params | undefined, asked: Asked) {
    const { texts } = this;
    this.#client = createClient({
      url: `${url.replace(/^http/, 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      retryAttempts: 0,
      // Errors of the connection come to the subscription's sink.
      onNonLazyError: () => undefined,
      ...(params && { connectionParams: { ...params } }),
      on: {
        message: (message) => {
          if (message.type === 'next') texts.push(JSON.stringify(message.payload));
        },
      },
    });
    this.#stop = this.#client.subscribe<Record<string, unknown>>(
      { query: asked.query, ...(asked.variables && { variables: asked.variables }) },
      {
        next: (result) => void this.results.push(result as unknown as LiveResult),
        error: (error) => void this.ends.push(error),
        complete: () => void (this.isComplete = true),
      },
    );
  }

  /** The events so far, once there are `count` of them. */
  async events(count: number): Promise<readonly LiveResult[]> {
    await vi.waitFor(
      () => {
        if (this.ends.length > 0) throw new Error(`it ended: ${JSON.stringify(this.ends)}`);
        if (this.results.length < count) throw new Error(`${this.results.length} of ${count} events came`);
      },
      { interval: 5, timeout: 15_000 },
    );
    return this.results;
  }

  /** The error that ended the subscription, or the close event of its connection. */
  async end(timeout = 15_000): Promise<{ readonly code?: number | undefined; readonly reason?: string; readonly errors: readonly LiveError[] }> {
    const end = await vi.waitFor(
      () => {
        const [first] = this.ends;
        if (first === undefined) throw new Error(`it has not ended; ${this.results.length} events came`);
        return first;
      },
      { interval: 5, timeout },
    );
    if (Array.isArray(end)) return { errors: end as LiveError[] };
    const { code, reason } = end as { code: number; reason: string };
    return { code, reason, errors: [] };
  }

  async close(): Promise<void> {
    this.#stop();
    await this.#client.dispose();
  }
}

export interface LiveError {
  readonly message: string;
  readonly extensions: { readonly code: string; readonly [name: string]: unknown };
}

/** A WebSocket without any client of GraphQL: for messages that no client would send. */
export class RawSocket {
  readonly messages: Record<string, unknown>[] = [];
  readonly #socket: WebSocket;
  #closed: { code: number; reason: string } | undefined;
  #refused: number | undefined;

  constructor(url: string, { protocol = 'graphql-transport-ws', headers = {} }: { protocol?: string; headers?: Record<string, string> } = {}) {
    this.#socket = new WebSocket(`${url.replace(/^http/, 'ws')}/graphql`, protocol, { headers });
    this.#socket.on('message', (data: Buffer) => this.messages.push(JSON.parse(data.toString()) as Record<string, unknown>));
    this.#socket.on('close', (code, reason) => (this.#closed = { code, reason: reason.toString() }));
    this.#socket.on('unexpected-response', (_request, response) => (this.#refused = response.statusCode));
    this.#socket.on('error', () => undefined);
  }

  async send(...messages: readonly (object | string)[]): Promise<void> {
    await vi.waitFor(
      () => {
        if (this.#socket.readyState !== WebSocket.OPEN) throw new Error('not open');
      },
      { interval: 5, timeout: 15_000 },
    );
    for (const message of messages) this.#socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  /** The first message of the kind. */
  async message(type: string): Promise<Record<string, unknown>> {
    return vi.waitFor(
      () => {
        const found = this.messages.find((message) => message['type'] === type);
        if (!found) throw new Error(`no ${type} came: ${JSON.stringify(this.messages)} ${JSON.stringify(this.#closed)}`);
        return found;
      },
      { interval: 5, timeout: 15_000 },
    );
  }

  async closed(timeout = 15_000): Promise<{ code: number; reason: string }> {
    return vi.waitFor(
      () => {
        if (!this.#closed) throw new Error(`still open: ${JSON.stringify(this.messages)}`);
        return this.#closed;
      },
      { interval: 5, timeout },
    );
  }

  /** The HTTP status with which the connection was refused. */
  async refused(): Promise<number> {
    return vi.waitFor(
      () => {
        if (this.#refused === undefined) throw new Error('not refused');
        return this.#refused;
      },
      { interval: 5, timeout: 15_000 },
    );
  }

  /** No more is read from the network, as by a client that hangs. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  terminate(): void {
    this.#socket.terminate();
  }
}
