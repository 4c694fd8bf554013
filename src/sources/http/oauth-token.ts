import { z } from 'zod';
import { HeadgateError } from '../../kernel/index.js';
import { retryAfter, type Outbound } from '../../outbound/index.js';
import { timeoutMsOf } from '../../catalog/index.js';
import { failureAt, statusError } from './http-error.js';
import { basic, type HttpSourceSpec } from './http-source.js';

const MAX_BYTES = 256 * 1_024;
/** A token is renewed so long before it ends, that it does not end on its way; a tenth of its life when that is less. */
const EARLY_MS = 60_000;
/** Of a server that does not say how long its tokens live. */
const LIFE_S = 300;

const Granted = z.object({
  access_token: z.string().min(1).max(20_000),
  token_type: z.string().regex(/^bearer$/i),
  expires_in: z.coerce.number().min(0).max(31_536_000).optional(),
});

export interface OauthTokenOptions {
  readonly source: HttpSourceSpec;
  readonly oauth2: NonNullable<NonNullable<HttpSourceSpec['auth']>['oauth2']>;
  readonly secretOf: (text: string) => string;
  readonly outbound: Pick<Outbound, 'fetch'>;
  readonly now: () => number;
}

/** A token by the client's own credentials (OAuth 2, RFC 6749 section 4.4), asked for once for all who wait, and renewed before it ends. */
export class OauthToken {
  readonly #options: OauthTokenOptions;
  #token: { readonly text: string; readonly renewAt: number } | undefined;
  #asking: Promise<string> | undefined;

  constructor(options: OauthTokenOptions) {
    this.#options = options;
  }

  /** @throws HeadgateError UNAVAILABLE, TIMEOUT or RATE_LIMITED when there is none for now; CONTRACT_VIOLATION when the credentials are refused */
  async get(signal: AbortSignal): Promise<string> {
    if (this.#token && this.#options.now() < this.#token.renewAt) return this.#token.text;
    // It is for all who wait: none of them takes it from the others by leaving.
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined));
    const { promise, reject } = Promise.withResolvers<never>();
    const leave = () => reject(signal.reason as Error);
    signal.addEventListener('abort', leave, { once: true });
    this.#asking.catch(() => undefined);
    return Promise.race([this.#asking, promise]).finally(() => signal.removeEventListener('abort', leave));
  }

  /** A token that was refused is not used again. @returns whether it was of ours, so that another may do better */
  forget(text: string): boolean {
    if (this.#token?.text === text) this.#token = undefined;
    return text !== '';
  }

  async #ask(): Promise<string> {
    const { source, oauth2, secretOf, outbound, now } = this.#options;
    const trusted = oauth2.tokenUrl.startsWith('${');
    const { scopes, audience } = oauth2;
    const body = new URLSearchParams({
      grant_type: 'client_credentials',
      ...(scopes && { scope: scopes.join(' ') }),
      ...(audience !== undefined && { audience }),
    });
    const began = now();
    try {
      const answer = await outbound.fetch({
        url: secretOf(oauth2.tokenUrl),
        trusted,
        method: 'POST',
        headers: {
          // RFC 6749 section 2.3.1: both are encoded as a form has them, and then as Basic has them.
          authorization: basic(formEncoded(oauth2.clientId), formEncoded(secretOf(oauth2.clientSecret))),
          'content-type': 'application/x-www-form-urlencoded',
          accept: 'application/json',
        },
        body: body.toString(),
        maxBytes: MAX_BYTES,
        timeoutMs: timeoutMsOf(source),
      });
      if (answer.status !== 200) {
        answer.discard();
        const refused = answer.status === 400 ? 401 : answer.status;
        throw statusError(source.name, refused, retryAfter(answer.headers, new Date()));
      }
      const granted = Granted.safeParse(await answer.json());
      if (!granted.success) {
        throw new HeadgateError('CONTRACT_VIOLATION', `The source ${source.name}: what its tokenUrl answers is not a bearer token (RFC 6749).`, {
          source: source.name,
        });
      }
      const { access_token: text, expires_in: seconds = LIFE_S } = granted.data;
      const lifeMs = seconds * 1_000;
      this.#token = { text, renewAt: began + lifeMs - Math.min(EARLY_MS, lifeMs / 10) };
      return text;
    } catch (error) {
      throw failureAt(source.name, error, trusted);
    }
  }
}

function formEncoded(text: string): string {
  return new URLSearchParams({ text }).toString().slice('text='.length);
}
