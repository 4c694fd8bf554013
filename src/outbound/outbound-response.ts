import type { Readable } from 'node:stream';
import { CONTENT_CODINGS, decoded, HeadgateError, type ContentCoding } from '../kernel/index.js';

/** Names in small letters; several of one name in a list. */
export type OutboundHeaders = Readonly<Record<string, string | string[] | undefined>>;

export interface ReceivedAnswer {
  readonly status: number;
  readonly headers: OutboundHeaders;
  readonly url: URL;
  /** As errors tell it. */
  readonly host: string;
  readonly stream: Readable;
  readonly maxBytes: number;
  /** What a failure of the stream is to a user. */
  readonly failure: (error: unknown) => unknown;
}

/** An answer whose body is read once, or discarded. */
export class OutboundResponse {
  readonly status: number;
  readonly headers: OutboundHeaders;
  /** Where it came from, redirects followed. Its query may be a secret: not to be logged. */
  readonly url: string;
  /**
   * Unpacked and bounded, while it comes. What ends it early releases the connection.
   * Throws DATA_REJECTED for a body that is too large, damaged or a bomb; UNAVAILABLE when it is cut off; TIMEOUT.
   */
  readonly body: AsyncIterable<Buffer>;
  readonly #stream: Readable;
  readonly #host: string;

  /** @throws HeadgateError DATA_REJECTED when it is too large by its own word, or packed in a way that is not known. */
  constructor(answer: ReceivedAnswer) {
    this.status = answer.status;
    this.headers = answer.headers;
    this.url = answer.url.href;
    this.#stream = answer.stream;
    this.#host = answer.host;
    // An answer that nobody reads fails too: at the end of its time.
    answer.stream.on('error', () => undefined);
    try {
      const coding = this.#coding();
      const length = Number(this.header('content-length') ?? 0);
      if (coding === 'identity' && length > answer.maxBytes) throw this.#tooLarge(answer.maxBytes);
      this.body = read(answer, coding);
    } catch (error) {
      this.discard();
      throw error;
    }
  }

  header(name: string): string | undefined {
    const value = this.headers[name.toLowerCase()];
    return Array.isArray(value) ? value.join(', ') : value;
  }

  async bytes(): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of this.body) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  /** In the character set that the answer names, UTF-8 when it names none. @throws HeadgateError DATA_REJECTED when it is not in it. */
  async text(): Promise<string> {
    const { charset = 'utf-8' } = /;\s*charset="?(?<charset>[^\s";]+)/i.exec(this.header('content-type') ?? '')?.groups ?? {};
    const bytes = await this.bytes();
    try {
      return new TextDecoder(charset, { fatal: true }).decode(bytes);
    } catch {
      throw this.#rejected('is not text in the character set that it names (UTF-8 when none)');
    }
  }

  /** @throws HeadgateError DATA_REJECTED when it is no JSON. */
  async json(): Promise<unknown> {
    const text = await this.text();
    try {
      return JSON.parse(text) as unknown;
    } catch {
      // The parser's own text quotes the data.
      throw this.#rejected('is not JSON');
    }
  }

  /** Lets go of a body that is not wanted. */
  discard(): void {
    this.#stream.destroy();
  }

  /** @throws HeadgateError DATA_REJECTED for more than one: no server needs it, and each multiplies what a few bytes unpack to. */
  #coding(): ContentCoding {
    const names = (this.header('content-encoding') ?? '').toLowerCase().split(',');
    const [name = 'identity', ...more] = names.map((each) => each.trim().replace(/^x-gzip$/, 'gzip')).filter((each) => each !== '' && each !== 'identity');
    const coding = CONTENT_CODINGS.find((known) => known === name);
    if (coding === undefined || more.length > 0) throw this.#rejected(`is packed in another way than one of ${CONTENT_CODINGS.join(', ')}`);
    return coding;
  }

  #tooLarge(maxBytes: number): HeadgateError {
    return this.#rejected(`is larger than the ${maxBytes} bytes that are accepted`, { expected: maxBytes });
  }

  #rejected(what: string, more = {}): HeadgateError {
    return new HeadgateError('DATA_REJECTED', `What ${this.#host} answers ${what}.`, { host: this.#host, ...more });
  }
}

async function* read({ stream, maxBytes, failure }: ReceivedAnswer, coding: ContentCoding): AsyncGenerator<Buffer> {
  try {
    yield* decoded(stream, coding, { maxBytes });
  } catch (error) {
    throw failure(error);
  } finally {
    stream.destroy();
  }
}
