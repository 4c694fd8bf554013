import type { SignaturePreset, SignatureSpec } from '../../catalog/index.js';

/** How a sender signs, and where it puts what is known of an event beside its body. */
export interface SigningScheme {
  readonly algorithm: 'sha256' | 'sha384' | 'sha512';
  /** The header that has the signature. */
  readonly header: string;
  /**
   * `one`: the signature and nothing else, behind a prefix. `listed`: several with blanks between, each behind the prefix, others are of
   * another version. `pairs`: the time stamp and signatures as `t=...,v1=...`.
   */
  readonly form: 'one' | 'listed' | 'pairs';
  readonly encoding: 'hex' | 'base64';
  readonly prefix: string;
  /** The signed text, with its parts in braces. */
  readonly signs: string;
  /** The header with the time stamp, seconds since 1970. */
  readonly timestamp?: string | undefined;
  /** The header with the event's id, for plain webhooks. */
  readonly id: string;
  readonly type?: string | undefined;
  /** Where in the body the id and the type of a plain webhook are. */
  readonly members?: { readonly id?: string; readonly type: string } | undefined;
  /** The same event can come with another body: only its id is compared. */
  readonly mayVary?: boolean;
  /** How a secret is written. */
  readonly secret?: 'whsec';
}

const GENERIC: SigningScheme = {
  algorithm: 'sha256',
  header: 'x-signature',
  form: 'one',
  encoding: 'hex',
  prefix: 'sha256=',
  signs: '{timestamp}.{ce}{body}',
  timestamp: 'x-timestamp',
  id: 'idempotency-key',
};

const PRESETS: Readonly<Record<SignaturePreset, SigningScheme>> = {
  generic: GENERIC,
  // https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
  github: {
    ...GENERIC,
    header: 'x-hub-signature-256',
    signs: '{body}',
    timestamp: undefined,
    id: 'x-github-delivery',
    type: 'x-github-event',
  },
  // https://shopify.dev/docs/apps/build/webhooks/subscribe/https
  shopify: {
    ...GENERIC,
    header: 'x-shopify-hmac-sha256',
    encoding: 'base64',
    prefix: '',
    signs: '{body}',
    timestamp: undefined,
    id: 'x-shopify-event-id',
    type: 'x-shopify-topic',
  },
  // https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
  'standard-webhooks': {
    ...GENERIC,
    header: 'webhook-signature',
    form: 'listed',
    encoding: 'base64',
    prefix: 'v1,',
    signs: '{id}.{timestamp}.{body}',
    timestamp: 'webhook-timestamp',
    id: 'webhook-id',
    members: { type: 'type' },
    secret: 'whsec',
  },
  // https://docs.stripe.com/webhooks/signature
  stripe: {
    ...GENERIC,
    header: 'stripe-signature',
    form: 'pairs',
    prefix: '',
    signs: '{timestamp}.{body}',
    timestamp: undefined,
    members: { id: 'id', type: 'type' },
    mayVary: true,
  },
};

export function schemeOf({ preset, algorithm, header, encoding, prefix, signs, timestamp }: SignatureSpec): SigningScheme {
  const known = PRESETS[preset ?? 'generic'];
  if (preset !== undefined && preset !== 'generic') return known;
  const text = signs ?? (timestamp === undefined && header !== undefined ? '{ce}{body}' : known.signs);
  return {
    ...known,
    ...(algorithm && { algorithm, prefix: `${algorithm}=` }),
    ...(header !== undefined && { header: header.toLowerCase(), prefix: '' }),
    ...(encoding && { encoding }),
    ...(prefix !== undefined && { prefix }),
    signs: text,
    timestamp: text.includes('{timestamp}') ? (timestamp ?? known.timestamp)?.toLowerCase() : undefined,
  };
}
