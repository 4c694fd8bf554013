import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from '../../src/store/index.js';

/** A way to the database that can be made bad: slow to open, closed to new connections, or silent on those that are open. */
export class Relay {
  readonly connection: Connection;
  /** How long a new connection waits, in milliseconds. */
  delayMs = 0;
  isClosed = false;
  /** Connections that were asked for, and those that were let in. */
  tried = 0;
  opened = 0;
  readonly #server: Server;
  readonly #pairs = new Set<readonly [client: Socket, server: Socket]>();

  private constructor(server: Server, connection: Connection) {
    this.#server = server;
    this.connection = connection;
  }

  static async to(target: Connection): Promise<Relay> {
    if (!('host' in target)) throw new Error('the relay needs a host and a port');
    const listener = createServer((client) => void relay.#accept(client, `${target.host}/.s.PGSQL.${target.port}`));
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const relay = new Relay(listener, { ...target, host: '127.0.0.1', port: (listener.address() as AddressInfo).port });
    return relay;
  }

  /** From now on nobody on the open connections hears of the other. */
  silence(): void {
    for (const [client, server] of this.#pairs) {
      client.unpipe(server);
      server.unpipe(client);
      client.pause();
      server.pause();
    }
  }

  close(): void {
    this.#server.close();
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
  }

  async #accept(client: Socket, path: string): Promise<void> {
    client.on('error', () => undefined);
    this.tried += 1;
    if (this.isClosed) return void client.destroy();
    this.opened += 1;
    if (this.delayMs > 0) await sleep(this.delayMs);
    const server = connect(path);
    server.on('error', () => undefined);
    this.#pairs.add([client, server]);
    client.pipe(server);
    server.pipe(client);
  }
}
