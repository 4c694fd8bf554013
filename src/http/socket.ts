import type { WebSocket } from 'ws';
import type { SubscriptionLine, Transport } from '../graphql/index.js';
import type { Principal, Standing } from '../identity/index.js';
import { HeadgateError } from '../kernel/index.js';

/** How long after a look at what was revoked its answer is trusted, as for requests. */
const TRUSTED_MS = 2_000;
/** Bytes of small messages (acknowledgements, errors) that may wait for a client that does not read. */
const MOST_WAITING = 1024 ** 2;
/** Bytes of a close frame's reason. */
const LONGEST_REASON = 123;

/** Close codes of the protocol, and those of WebSocket that mean the same here. */
export const CLOSE = { AWAY: 1001, TRY_LATER: 1013, BAD_MESSAGE: 4400, FORBIDDEN: 4403, TOO_SLOW: 4413, FAULT: 4500 } as const;

/** One WebSocket: nobody's, until the credentials of its first message were found good. */
export class Socket {
  readonly ws: WebSocket;
  /** The network address at its other end. */
  readonly address: string;
  /** Credentials among the headers of its request: programs can send them, pages can not. */
  readonly headers: Readonly<Record<string, string>>;
  caller: Caller | undefined;
  /** Something came since the last look. */
  isAlive = true;
  /** When the event that is on its way was sent, on the clock of `performance`. */
  sendingSince: number | undefined;
  /** Bytes of small messages that have not gone out. */
  #waiting = 0;

  constructor(ws: WebSocket, address: string, headers: Readonly<Record<string, string>>) {
    this.ws = ws;
    this.address = address;
    this.headers = headers;
  }

  get isOpen(): boolean {
    return this.ws.readyState === this.ws.OPEN;
  }

  close(code: number, reason: string): void {
    this.ws.close(code, shortened(reason));
  }

  /** A message of the protocol itself. Who makes us answer and does not read the answers is cut off. */
  sendSmall(data: string): void {
    this.#answer(data.length, (sent) => this.ws.send(data, sent));
  }

  pong(data: Buffer): void {
    this.#answer(data.length, (sent) => this.ws.pong(data, false, sent));
  }

  /** In pieces: the payload is one buffer for all who get the same, and is not copied for each. */
  async sendEvent(operation: string, payload: Buffer): Promise<void> {
    if (!this.isOpen) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.sendingSince = performance.now();
    this.ws.send(`{"id":${JSON.stringify(operation)},"type":"next","payload":`, { fin: false });
    this.ws.send(payload, { fin: false, binary: false });
    // Called with an error too, when the connection ends before it has gone out.
    this.ws.send('}', { fin: true }, () => resolve());
    await promise;
    this.sendingSince = undefined;
  }

  #answer(size: number, send: (sent: () => void) => void): void {
    if (!this.isOpen) return;
    this.#waiting += size;
    if (this.#waiting > MOST_WAITING) this.ws.terminate();
    else send(() => (this.#waiting -= size));
  }
}

/** Who is at the other end of a socket. */
export class Caller implements Transport {
  readonly standing: Standing;
  /** The connection, as its subscriptions see it; from when it was let in. */
  line: SubscriptionLine | undefined;
  /** When its credential was looked at last, on the clock of `performance`. */
  checkedAt = performance.now();
  readonly #socket: Socket;

  constructor(socket: Socket, standing: Standing) {
    this.#socket = socket;
    this.standing = standing;
  }

  get principal(): Principal {
    return this.standing.principal;
  }

  /** Those without a credential have their address in common, and nothing that they choose themselves. */
  get holder(): string {
    const { anonymous, credential, subject } = this.principal;
    return anonymous ? `address ${this.#socket.address}` : `${credential} ${subject}`;
  }

  get isRevocable(): boolean {
    return this.standing.tokenId !== undefined || this.standing.apiKeyId !== undefined;
  }

  holds(): boolean {
    if (!this.#socket.isOpen || Date.now() >= this.standing.until) return false;
    if (this.isRevocable && performance.now() - this.checkedAt > TRUSTED_MS)
      throw new HeadgateError('UNAVAILABLE', "The credential can't be checked now. Try again later.");
    return true;
  }

  send(operation: string, payload: Buffer): Promise<void> {
    return this.#socket.sendEvent(operation, payload);
  }
}

function shortened(reason: string): string {
  let text = reason;
  while (Buffer.byteLength(text) > LONGEST_REASON) text = text.slice(0, -1);
  return text.toWellFormed();
}
