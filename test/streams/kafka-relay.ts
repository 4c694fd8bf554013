import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';

export interface KafkaRelayOptions {
  readonly tls?: TlsOptions | undefined;
  /** What brokers are told to be at, instead of 127.0.0.1; of the same length. */
  readonly advertised?: string | undefined;
  /** Versions of the protocol's requests, by their number, that brokers are told not to go beyond. */
  readonly versions?: ReadonlyMap<number, number> | undefined;
}

const HOST = Buffer.from('127.0.0.1');
/** Of a response: its length, and the number of the request that it answers. */
const HEADER_BYTES = 8;

/** A way to brokers at addresses that stay, which can be cut and leads elsewhere when it is told to. */
export class KafkaRelay {
  readonly #options: KafkaRelayOptions;
  readonly #sockets = new Set<Socket>();
  #servers: readonly Server[] = [];
  #ports: readonly number[] = [];
  #targets: readonly number[];

  constructor(targets: readonly number[], options: KafkaRelayOptions = {}) {
    this.#targets = targets;
    this.#options = options;
  }

  get ports(): readonly number[] {
    return this.#ports;
  }

  async open(): Promise<void> {
    this.#servers = this.#targets.map((_, i) => this.#server(i));
    this.#ports = await Promise.all(
      this.#servers.map(async (server, i) => {
        server.listen(this.#ports[i] ?? 0, '127.0.0.1');
        await once(server, 'listening');
        return (server.address() as AddressInfo).port;
      }),
    );
  }

  /** Nobody gets through, and whoever did is cut off. */
  cut(): void {
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Others are behind the addresses from now on. */
  leadTo(targets: readonly number[]): void {
    this.#targets = targets;
    for (const socket of this.#sockets) socket.destroy();
  }

  #server(i: number): Server {
    const take = (client: Socket) => {
      const broker = connect(this.#targets[i] ?? 0, '127.0.0.1');
      for (const socket of [client, broker]) {
        this.#sockets.add(socket);
        socket.on('error', () => undefined).on('close', () => [client, broker].forEach((each) => this.#sockets.delete(each.destroy())));
      }
      client.pipe(broker);
      let rest: Buffer = Buffer.alloc(0);
      let isFirst = true;
      broker.on('data', (chunk: Buffer) => {
        rest = Buffer.concat([rest, chunk]);
        while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE()) {
          const answer = rest.subarray(0, 4 + rest.readInt32BE());
          rest = rest.subarray(answer.length);
          // Whoever comes asks for versions first.
          if (isFirst) this.#limit(answer);
          isFirst = false;
          client.write(this.#moved(answer));
        }
      });
    };
    return this.#options.tls ? createTlsServer(this.#options.tls, take) : createServer(take);
  }

  /** With our addresses in the place of the brokers'. */
  #moved(answer: Buffer): Buffer {
    for (let at = answer.indexOf(HOST); at >= 0; at = answer.indexOf(HOST, at + HOST.length)) {
      const port = at + HOST.length;
      const broker = port + 4 <= answer.length ? this.#targets.indexOf(answer.readInt32BE(port)) : -1;
      if (broker < 0) continue;
      answer.writeInt32BE(this.#ports[broker] ?? 0, port);
      answer.write(this.#options.advertised ?? '127.0.0.1', at, 'latin1');
    }
    return answer;
  }

  /** `error count [request lowest highest]`, each of two bytes but the count of four. */
  #limit(answer: Buffer): void {
    const { versions } = this.#options;
    for (let at = HEADER_BYTES + 6; versions && at + 6 <= answer.length; at += 6) {
      const most = versions.get(answer.readInt16BE(at));
      if (most !== undefined) answer.writeInt16BE(Math.min(most, answer.readInt16BE(at + 4)), at + 4);
    }
  }
}
