import { HeadgateError } from '../../kernel/index.js';
import type { OutboundHeaders } from '../../outbound/index.js';

/** An answer of success, read whole. */
export class HttpAnswer {
  readonly status: number;
  /** Names in small letters. */
  readonly headers: OutboundHeaders;
  /** Where it came from. Its query may be a secret: for the next request only. */
  readonly url: string;
  /** In UTF-8. */
  readonly body: Buffer;
  readonly #source: string;

  constructor({ source, status, headers, url, body }: { source: string; status: number; headers: OutboundHeaders; url: string; body: Buffer }) {
    this.#source = source;
    this.status = status;
    this.headers = headers;
    this.url = url;
    this.body = body;
  }

  /** @throws HeadgateError DATA_REJECTED when it is no JSON; without a word of it */
  json(): unknown {
    try {
      return JSON.parse(this.body.toString()) as unknown;
    } catch {
      throw new HeadgateError('DATA_REJECTED', `What the source ${this.#source} answers is not JSON. Look at its URL and the path.`, { source: this.#source });
    }
  }
}
