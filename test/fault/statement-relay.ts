import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Connection } from '../../src/store/index.js';

/** What is done with a statement: sent on; held back for ever; sent on, with the connection cut before its answer comes. */
export type Verdict = 'pass' | 'hold' | 'cut-after';

/** A way to the database that sees each statement before the database does. */
export class StatementRelay {
  readonly connection: Connection;
  /** Asked for each statement of each connection, in order. */
  judge: (text: string, connection: number) => Verdict = () => 'pass';
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #connections = 0;

  private constructor(server: Server, connection: Connection) {
    this.#server = server;
    this.connection = connection;
  }

  static async to(target: Connection): Promise<StatementRelay> {
    if (!('host' in target)) throw new Error('the relay needs a host and a port');
    const listener = createServer((client) => relay.#accept(client, `${target.host}/.s.PGSQL.${target.port}`));
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const relay = new StatementRelay(listener, { ...target, host: '127.0.0.1', port: (listener.address() as AddressInfo).port });
    return relay;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(client: Socket, path: string): void {
    const number = (this.#connections += 1);
    const server = connect(path);
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    server.pipe(client);
    let bytes = Buffer.alloc(0);
    let isStarted = false;
    let isHeld = false;
    client.on('data', (chunk: Buffer) => {
      if (isHeld) return;
      bytes = Buffer.concat([bytes, chunk]);
      for (;;) {
        // The first message has no letter; the others have one, and then their length.
        const head = isStarted ? 1 : 0;
        if (bytes.length < head + 4) return;
        const size = head + bytes.readInt32BE(head);
        if (bytes.length < size) return;
        const message = bytes.subarray(0, size);
        bytes = bytes.subarray(size);
        const verdict = isStarted ? this.#verdictOn(message, number) : 'pass';
        isStarted = true;
        // Read on, and thrown away: a socket that is not read does not tell that the other side is gone.
        isHeld = verdict === 'hold';
        if (isHeld) return;
        if (verdict === 'cut-after') {
          // What comes first is the answer to the statement: it was done, and nobody hears of it.
          server.unpipe(client);
          server.once('data', () => client.destroy());
          server.resume();
        }
        server.write(message);
      }
    });
  }

  #verdictOn(message: Buffer, number: number): Verdict {
    const letter = String.fromCharCode(message[0] ?? 0);
    if (letter === 'Q') return this.judge(message.toString('utf8', 5, message.length - 1), number);
    if (letter !== 'P') return 'pass';
    const nameEnd = message.indexOf(0, 5);
    return this.judge(message.toString('utf8', nameEnd + 1, message.indexOf(0, nameEnd + 1)), number);
  }
}
