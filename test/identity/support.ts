import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type GenerateKeyPairResult, type JWK } from 'jose';

export const ISSUER = 'https://login.example.com/';
export const AUDIENCE = 'headgate-test';

/** An identity provider on loopback: its key set over HTTP, and tokens signed with its keys. */
export class Provider {
  readonly #server: Server;
  #keys: JWK[] = [];
  #status = 200;
  requests = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<Provider> {
    const server = createServer();
    const provider = new Provider(server);
    server.on('request', (_, response) => {
      provider.requests += 1;
      response.writeHead(provider.#status, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: provider.#keys }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return provider;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/jwks`;
  }

  get config(): { identityProvider: { jwksUrl: string; issuer: string; audience: string }; rolesClaim: string } {
    return { identityProvider: { jwksUrl: this.url, issuer: ISSUER, audience: AUDIENCE }, rolesClaim: 'realm_access.roles' };
  }

  answer(status: number): void {
    this.#status = status;
  }

  async addKey(alg: string, kid?: string): Promise<GenerateKeyPairResult> {
    const pair = await generateKeyPair(alg, { extractable: true });
    this.#keys.push({ ...(await exportJWK(pair.publicKey)), alg, use: 'sig', ...(kid && { kid }) });
    return pair;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Also wrong ones: a claim that is `undefined` is left out. */
export type Claims = Record<string, unknown>;

/** Seconds since 1970. */
export const now = (): number => Math.floor(Date.now() / 1000);

/** Good claims of a token for the provider's issuer and audience, with changes. */
export function goodClaims(changes: Claims = {}): Claims {
  return {
    iss: ISSUER,
    aud: AUDIENCE,
    sub: 'ann',
    iat: now(),
    exp: now() + 300,
    jti: 'token-1',
    realm_access: { roles: ['analyst'] },
    purposes: ['analytics'],
    ...changes,
  };
}

export async function signed(claims: Claims, alg: string, key: Parameters<SignJWT['sign']>[0], kid?: string): Promise<string> {
  return await new SignJWT(claims).setProtectedHeader({ alg, ...(kid && { kid }) }).sign(key);
}
