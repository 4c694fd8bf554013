import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';

const HANDSHAKE = 17;
const VERSIONS = 18;
const AUTHENTICATE = 36;
const REFUSED = 58;
/** `error count [request lowest highest] delay` */
const KNOWN = [0, 0, 0, 0, 0, 2, 0, HANDSHAKE, 0, 0, 0, 1, 0, AUTHENTICATE, 0, 0, 0, 2, 0, 0, 0, 0];

/** Whoever comes here is asked who it is (RFC 4616, RFC 5802), as a broker of Kafka asks; what comes after that is not answered. */
export class KafkaSaslServer {
  /** What was said, in the order in which it came: the mechanism, and whether the user and password were right. */
  readonly seen: { readonly mechanism: string; readonly isRight: boolean }[] = [];
  readonly #server = createServer((socket) => this.#take(socket));
  readonly #sockets = new Set<Socket>();
  readonly #user: string;
  readonly #password: string;

  constructor(user: string, password: string) {
    this.#user = user;
    this.#password = password;
  }

  async open(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #take(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => this.#sockets.delete(socket));
    let rest: Buffer = Buffer.alloc(0);
    let mechanism = '';
    let isDone = false;
    let scram: Scram | undefined;
    const answer = (correlation: number, isFlexible: boolean, body: Buffer) => {
      const header = Buffer.alloc(isFlexible ? 9 : 8);
      header.writeInt32BE(header.length - 4 + body.length);
      header.writeInt32BE(correlation, 4);
      socket.write(Buffer.concat([header, body]));
    };
    socket.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE()) {
        const request = rest.subarray(4, 4 + rest.readInt32BE());
        rest = rest.subarray(4 + request.length);
        const correlation = request.readInt32BE(4);
        const body = request.subarray(10 + request.readInt16BE(8));
        if (request.readInt16BE() === HANDSHAKE) {
          mechanism = body.toString('latin1', 2);
          answer(correlation, false, Buffer.from([0, 0, 0, 0, 0, 0]));
        } else if (request.readInt16BE() === AUTHENTICATE) {
          // A tag, and the compact length of what fits into 127 bytes or not.
          const long = (body[1] ?? 0) > 127;
          const said = body.subarray(long ? 3 : 2, body.length - 1).toString();
          scram ??= mechanism === 'PLAIN' ? undefined : new Scram(mechanism === 'SCRAM-SHA-256' ? 'sha256' : 'sha512', this.#password);
          const reply = scram ? scram.answer(said) : said === `\0${this.#user}\0${this.#password}` ? '' : undefined;
          isDone = reply === undefined || reply === '' || reply.startsWith('v=');
          if (isDone) this.seen.push({ mechanism, isRight: reply !== undefined });
          answer(correlation, true, authenticated(reply));
        } else if (request.readInt16BE() === VERSIONS && !isDone) answer(correlation, false, Buffer.from(KNOWN));
        else socket.destroy();
      }
    });
  }
}

/** `error message bytes lifetime`, as the flexible versions of the protocol have them. */
function authenticated(reply: string | undefined): Buffer {
  const bytes = Buffer.from(reply ?? '');
  const length = bytes.length + 1;
  const size = length > 127 ? [(length & 127) | 128, length >> 7] : [length];
  return Buffer.concat([Buffer.from([0, reply === undefined ? REFUSED : 0, 0, ...size]), bytes, Buffer.alloc(9)]);
}

/** The server's side of SCRAM. */
class Scram {
  readonly #hash: string;
  readonly #password: string;
  readonly #salt = randomBytes(16);
  #nonce = '';
  #first = '';

  constructor(hash: string, password: string) {
    this.#hash = hash;
    this.#password = password;
  }

  /** Undefined when the password is wrong. */
  answer(said: string): string | undefined {
    if (this.#first === '') {
      const bare = said.slice(said.indexOf(',,') + 2);
      this.#nonce = `${/r=(.*)$/.exec(bare)?.[1] ?? ''}${randomBytes(12).toString('hex')}`;
      const challenge = `r=${this.#nonce},s=${this.#salt.toString('base64')},i=4096`;
      this.#first = `${bare},${challenge}`;
      return challenge;
    }
    const proof = Buffer.from(/p=(.*)$/.exec(said)?.[1] ?? '', 'base64');
    const all = `${this.#first},${said.slice(0, said.lastIndexOf(',p='))}`;
    const salted = pbkdf2Sync(this.#password, this.#salt, 4_096, proof.length || 1, this.#hash);
    const hmac = (key: Buffer, text: string) => createHmac(this.#hash, key).update(text).digest();
    const client = hmac(salted, 'Client Key');
    const signature = hmac(createHash(this.#hash).update(client).digest(), all);
    const isRight = proof.length === client.length && client.every((byte, i) => byte === ((proof[i] ?? 0) ^ (signature[i] ?? 0)));
    return isRight ? `v=${hmac(hmac(salted, 'Server Key'), all).toString('base64')}` : undefined;
  }
}
