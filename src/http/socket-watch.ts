import type { Subscriptions } from '../graphql/index.js';
import type { Standing } from '../identity/index.js';
import { messageOf, type Log } from '../kernel/index.js';
import { CLOSE, type Socket } from './socket.js';

export interface SocketWatchOptions {
  readonly sockets: ReadonlySet<Socket>;
  readonly authenticator: { revoked(standings: readonly Standing[]): Promise<ReadonlySet<Standing>> };
  readonly subscriptions: Pick<Subscriptions, 'retry'>;
  readonly log: Log;
}

/** How often all connections are looked at; a credential that was revoked ends within two seconds. */
const LOOK_MS = 1_000;
/** A connection on which nothing came for so long is asked whether it is there, and given up when it does not answer in as much. */
const SILENT_LOOKS = 15;
/** How long an event may be on its way to a client that does not read. */
const SLOW_MS = 30_000;

/** One timer for all connections: it ends those whose credential ended, who do not read, and who are gone without a word. */
export class SocketWatch {
  readonly #options: SocketWatchOptions;
  readonly #timer: NodeJS.Timeout;
  #looks = 0;
  #isAsking = false;

  constructor(options: SocketWatchOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    this.#looks += 1;
    const now = performance.now();
    const isTimeToAsk = this.#looks % SILENT_LOOKS === 0;
    for (const socket of this.#options.sockets) {
      if ((socket.caller?.standing.until ?? Number.POSITIVE_INFINITY) <= Date.now())
        socket.close(CLOSE.FORBIDDEN, 'UNAUTHENTICATED: The credential has expired.');
      else if (socket.sendingSince !== undefined && now - socket.sendingSince > SLOW_MS) socket.close(CLOSE.TOO_SLOW, 'The client reads too slowly.');
      else if (isTimeToAsk) askWhetherThere(socket);
    }
    void this.#endRevoked();
  }

  async #endRevoked(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      const began = performance.now();
      const revocable = [...this.#options.sockets].flatMap((socket) => (socket.caller?.isRevocable ? [{ socket, caller: socket.caller }] : []));
      const revoked = await this.#options.authenticator.revoked(revocable.map(({ caller }) => caller.standing));
      for (const { socket, caller } of revocable) {
        caller.checkedAt = began;
        if (revoked.has(caller.standing)) socket.close(CLOSE.FORBIDDEN, 'UNAUTHENTICATED: The credential was revoked.');
      }
      this.#options.subscriptions.retry();
    } catch (error) {
      this.#options.log.warn({ reason: messageOf(error) }, 'credentials of connections could not be checked: their events wait');
    } finally {
      this.#isAsking = false;
    }
  }
}

function askWhetherThere(socket: Socket): void {
  if (!socket.isAlive) return socket.ws.terminate();
  socket.isAlive = false;
  if (socket.isOpen) socket.ws.ping();
}
