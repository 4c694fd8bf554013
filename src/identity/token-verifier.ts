import {
  createRemoteJWKSet,
  customFetch,
  decodeProtectedHeader,
  errors,
  jwtVerify,
  type CompactJWSHeaderParameters,
  type FetchImplementation,
  type FlattenedJWSInput,
  type JWTPayload,
  type JWTVerifyOptions,
} from 'jose';
import type { Config } from '../config/index.js';
import { HeadgateError } from '../kernel/index.js';
import type { Outbound } from '../outbound/index.js';
import type { KeyRing } from '../store/index.js';
import { refusal, type RefusalReason } from './refusal.js';
import { LOCAL_AUDIENCE, LOCAL_ISSUER } from './token.js';

/** Signatures with a pair of keys only: with HMAC, whoever can check a token can make one, and a public key would pass for a secret. */
const ASYMMETRIC = ['EdDSA', 'Ed25519', 'ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512', 'RS256', 'RS384', 'RS512'];

/** How far the clocks of this machine and of the identity provider's may be apart. */
const CLOCK_TOLERANCE_S = 30;

const FETCH_TIMEOUT_MS = 5_000;

/** A provider has a handful of keys. */
const MAX_KEYS_BYTES = 1024 ** 2;

/** Checks bearer tokens: signature, issuer, audience, time. */
export interface TokenVerifier {
  /** Where the tokens have their roles. */
  readonly rolesClaim: string;
  /** How long after its `exp` a token is still taken. */
  readonly toleranceMs: number;
  /**
   * The claims of a good token.
   * @throws HeadgateError UNAUTHENTICATED that says what is wrong; UNAVAILABLE when the keys can't be fetched.
   */
  verify(token: string): Promise<JWTPayload>;
  /** The key that a good token names, where keys are ours. */
  signerOf(token: string): string | undefined;
}

type Verify = (token: string) => Promise<{ payload: JWTPayload }>;

/** Tokens of the identity provider when one is configured, else those of the local key. Never both. */
export function tokenVerifier(config: Pick<Config, 'identityProvider' | 'rolesClaim'>, keyRing: KeyRing, outbound: Outbound): TokenVerifier {
  const { identityProvider: provider, rolesClaim } = config;
  if (provider) {
    const verify = providersTokens(provider, outbound);
    return { rolesClaim, toleranceMs: CLOCK_TOLERANCE_S * 1000, verify: (token) => checked(verify, token, provider), signerOf: () => undefined };
  }
  const verify = localTokens(keyRing);
  const expected = { issuer: LOCAL_ISSUER, audience: LOCAL_AUDIENCE };
  // Tokens that we make have their roles in `roles`, wherever a provider would put them; and their time by our own clock.
  return { rolesClaim: 'roles', toleranceMs: 0, verify: (token) => checked(verify, token, expected), signerOf: (token) => decodeProtectedHeader(token).kid };
}

/** Tokens live on when another master key becomes active: each names the key that signed it, and is good while that one is held. */
function localTokens(keyRing: KeyRing): Verify {
  const options: JWTVerifyOptions = { issuer: LOCAL_ISSUER, audience: LOCAL_AUDIENCE, algorithms: ['EdDSA'], requiredClaims: ['sub', 'exp', 'iat', 'jti'] };
  const findKey = async ({ kid }: CompactJWSHeaderParameters) => {
    const key = typeof kid === 'string' ? await keyRing.findSigningKey('tokens', kid) : keyRing.active.signingKey('tokens');
    if (!key) throw new errors.JWKSNoMatchingKey();
    return key.publicKey;
  };
  return (token) => jwtVerify(token, findKey, options);
}

function providersTokens({ jwksUrl, issuer, audience }: NonNullable<Config['identityProvider']>, outbound: Outbound): Verify {
  const keys = createRemoteJWKSet(new URL(jwksUrl), { timeoutDuration: FETCH_TIMEOUT_MS, [customFetch]: keysFetcher(outbound) });
  const options: JWTVerifyOptions = { issuer, audience, algorithms: ASYMMETRIC, clockTolerance: CLOCK_TOLERANCE_S, requiredClaims: ['sub', 'exp'] };
  const findKey = async (header: CompactJWSHeaderParameters, token: FlattenedJWSInput) => {
    try {
      return await keys(header, token);
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) throw error;
      throw new HeadgateError(
        'UNAVAILABLE',
        "The identity provider's keys can't be fetched, so no token can be checked. Try again later.",
        {},
        { cause: error },
      );
    }
  };
  return async (token) => {
    try {
      return await jwtVerify(token, findKey, options);
    } catch (error) {
      if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
      // The token names no key and the provider has several: one of them must fit.
      for await (const key of error) {
        const verified = await jwtVerify(token, key, options).catch((failure: unknown) => {
          if (failure instanceof errors.JWSSignatureVerificationFailed) return undefined;
          throw failure;
        });
        if (verified) return verified;
      }
      throw new errors.JWSSignatureVerificationFailed();
    }
  };
}

/** The operator says where the keys are. A redirect is not followed: keys from there would be somebody else's word. */
function keysFetcher(outbound: Outbound): FetchImplementation {
  return async (url, { headers, signal }) => {
    const response = await outbound.fetch({
      url,
      headers: Object.fromEntries(headers),
      signal,
      maxBytes: MAX_KEYS_BYTES,
      timeoutMs: FETCH_TIMEOUT_MS,
      trusted: true,
      redirects: 'return',
    });
    const { status } = response;
    if (status === 200) return new Response(new Uint8Array(await response.bytes()), { status });
    response.discard();
    return new Response(null, { status });
  };
}

async function checked(verify: Verify, token: string, expected: { readonly issuer: string; readonly audience: string }): Promise<JWTPayload> {
  try {
    return (await verify(token)).payload;
  } catch (error) {
    if (!(error instanceof errors.JOSEError)) throw error;
    const [reason, what] = reasonOf(error, expected);
    throw refusal(reason, `The bearer token ${what}`, error);
  }
}

function reasonOf(error: errors.JOSEError, { issuer, audience }: { readonly issuer: string; readonly audience: string }): [RefusalReason, string] {
  if (error instanceof errors.JWTExpired) return ['expired', 'has expired. Get a new one.'];
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'iss') return ['issuer', `is not valid: it is of another issuer than "${issuer}".`];
    if (error.claim === 'aud') return ['audience', `is not valid: it is not meant for the audience "${audience}".`];
    if (error.claim === 'nbf') return ['not-yet-valid', 'is not valid yet. Check the clocks.'];
    return ['claims', `is not valid: its claim "${error.claim}" is missing or malformed.`];
  }
  if (error instanceof errors.JWSSignatureVerificationFailed || error instanceof errors.JWKSNoMatchingKey) {
    return ['signature', 'is not valid: it was not signed by the key that is expected.'];
  }
  if (error instanceof errors.JOSEAlgNotAllowed) return ['signature', 'is not valid: it is not signed, or with an algorithm that is not accepted here.'];
  return ['malformed', 'is not valid: it is no signed JWT.'];
}
