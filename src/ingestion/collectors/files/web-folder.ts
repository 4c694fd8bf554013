import { HeadgateError } from '../../../kernel/index.js';
import type { Outbound } from '../../../outbound/index.js';
import { fetched, isFinal, originOf, placeOf } from '../../fetched.js';
import type { OpenSource } from '../../source.js';
import type { FilePlace, RemoteFile } from './remote-file.js';

const MOST_LIST_BYTES = 16 * 1024 * 1024;

export interface WebFolderOptions {
  readonly outbound: Outbound;
  readonly url: string;
  /** The URL is from the operator's own environment. */
  readonly trusted: boolean;
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

/** A folder of a web server that answers with a list of links, as nginx and Apache make them. Folders in it are not gone into. */
export class WebFolder implements FilePlace {
  readonly #options: WebFolderOptions;
  readonly #base: URL;

  constructor(options: WebFolderOptions) {
    this.#options = options;
    this.#base = new URL(options.url);
    if (!this.#base.pathname.endsWith('/')) this.#base.pathname += '/';
  }

  async list(_prefix: string, signal: AbortSignal): Promise<readonly RemoteFile[]> {
    const { outbound, trusted, timeoutMs } = this.#options;
    const response = await outbound.fetch({ url: this.#base.href, maxBytes: MOST_LIST_BYTES, timeoutMs, signal, trusted });
    if (response.status !== 200) {
      response.discard();
      throw new HeadgateError(
        isFinal(response.status) ? 'BAD_USER_INPUT' : 'UNAVAILABLE',
        `${trusted ? originOf(this.#base.href) : placeOf(this.#base.href)} answers with ${response.status} instead of a list of files.`,
        {
          status: response.status,
        },
      );
    }
    const names = new Set<string>();
    for (const [, link = ''] of (await response.text()).matchAll(/<a\s[^>]*href\s*=\s*["']([^"'#]+)["']/gi)) {
      const name = this.#nameOf(link.replaceAll('&amp;', '&'));
      if (name !== undefined) names.add(name);
    }
    return Promise.all([...names].map(async (name) => ({ name, fingerprint: await this.#fingerprint(name, signal) })));
  }

  async *open({ name }: RemoteFile, signal: AbortSignal): AsyncGenerator<OpenSource> {
    const { outbound, trusted, maxBytes } = this.#options;
    for await (const source of fetched(outbound, this.#urlOf(name), { maxBytes, signal, trusted })) yield { ...source, name };
  }

  /** A link to a file in this very folder. */
  #nameOf(link: string): string | undefined {
    if (!URL.canParse(link, this.#base.href)) return undefined;
    const url = new URL(link, this.#base);
    if (url.origin !== this.#base.origin || url.search !== '' || !url.pathname.startsWith(this.#base.pathname)) return undefined;
    const rest = url.pathname.slice(this.#base.pathname.length);
    if (rest === '' || rest.includes('/')) return undefined;
    try {
      return decodeURIComponent(rest);
    } catch {
      return undefined;
    }
  }

  #urlOf(name: string): string {
    return new URL(encodeURIComponent(name), this.#base).href;
  }

  async #fingerprint(name: string, signal: AbortSignal): Promise<string> {
    const { outbound, trusted, timeoutMs } = this.#options;
    const response = await outbound.fetch({
      url: this.#urlOf(name),
      method: 'HEAD',
      maxBytes: MOST_LIST_BYTES,
      timeoutMs,
      signal,
      trusted,
      headers: { 'accept-encoding': 'identity' },
    });
    response.discard();
    const [etag, size, time] = ['etag', 'content-length', 'last-modified'].map((header) => response.header(header) ?? '');
    return etag || `${size}/${time}`;
  }
}
