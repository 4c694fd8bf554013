import type { Outbound } from '../../outbound/index.js';
import { basic, secretOf, type HttpSourceSpec } from './http-source.js';
import { OauthToken } from './oauth-token.js';

export interface AuthorizationOptions {
  readonly source: HttpSourceSpec;
  readonly secrets: ReadonlyMap<string, string>;
  readonly outbound: Pick<Outbound, 'fetch'>;
  readonly now: () => number;
}

/** How requests to a source say who asks. Secrets are read when they are needed, and kept nowhere but in a token's short life. */
export class Authorization {
  readonly #options: AuthorizationOptions;
  readonly #token: OauthToken | undefined;

  constructor(options: AuthorizationOptions) {
    this.#options = options;
    const oauth2 = options.source.auth?.oauth2;
    this.#token = oauth2 && new OauthToken({ ...options, oauth2, secretOf: (text) => this.#secret(text) });
  }

  /**
   * The headers of a request, those that the source's document declares among them.
   * @throws HeadgateError UNAVAILABLE when a secret is not set, or no token can be had; CONTRACT_VIOLATION when the credentials are refused
   */
  async headers(signal: AbortSignal): Promise<Record<string, string>> {
    const { auth, headers = {} } = this.#options.source;
    const declared = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), this.#secret(value)]));
    if (auth?.bearer !== undefined) return { ...declared, authorization: `Bearer ${this.#secret(auth.bearer)}` };
    if (auth?.basic) return { ...declared, authorization: basic(auth.basic.user, this.#secret(auth.basic.password)) };
    if (auth?.header) return { ...declared, [auth.header.name.toLowerCase()]: this.#secret(auth.header.value) };
    if (this.#token) return { ...declared, authorization: `Bearer ${await this.#token.get(signal)}` };
    return declared;
  }

  /** After a request with these headers was refused: whether others can be had. */
  renews(headers: Readonly<Record<string, string>>): boolean {
    return this.#token?.forget(headers['authorization']?.slice('Bearer '.length) ?? '') ?? false;
  }

  #secret(text: string): string {
    return secretOf(this.#options.source.name, text, this.#options.secrets);
  }
}
