import { z } from 'zod';
import { COMMON, durationUpTo, Secret } from './parts.js';

/** Senders whose way to sign is known. */
export const SIGNATURE_PRESETS = ['generic', 'github', 'shopify', 'standard-webhooks', 'stripe'] as const;
export type SignaturePreset = (typeof SIGNATURE_PRESETS)[number];

/** How long events are known by their ids when the document does not say, and how old a time stamp may be. */
export const DEFAULT_REMEMBER = '1w';
export const DEFAULT_TOLERANCE = '5m';
/** Events that may wait for their collectors. */
export const DEFAULT_MAX_WAITING = 1_000_000;

const HeaderName = z.string().regex(/^[A-Za-z0-9-]{1,100}$/, { error: 'expected the name of an HTTP header' });

/** The parts that a signed text is made of: what stands in braces, and what is between. */
const SIGNED_PARTS = /\{(body|timestamp|id|ce)\}|([^{}]+)/g;

/** What the sender signs: the body once, at the end, and nothing beside another part that could be taken for it. */
const SignedText = z
  .string()
  .refine((text) => text.length <= 200 && text.replaceAll(SIGNED_PARTS, '') === '' && /^[^{}]*(\{(timestamp|id)\}[^{}]+)*(\{ce\})?\{body\}$/.test(text), {
    error:
      'expected {body}, with {timestamp} and {id} before it, each followed by a separator, and {ce} for the headers of a CloudEvent: {id}.{timestamp}.{ce}{body}',
  });

/** Whoever knows one of the secrets may send. What a preset says can be said otherwise for `generic` alone. */
const Signature = z
  .strictObject({
    preset: z.enum(SIGNATURE_PRESETS).optional(),
    /** All of them are accepted: a new one is added, the sender moves to it, the old one is taken out. */
    secrets: z.array(Secret).min(1).max(10),
    algorithm: z.enum(['sha256', 'sha384', 'sha512']).optional(),
    header: HeaderName.optional(),
    encoding: z.enum(['hex', 'base64']).optional(),
    prefix: z
      .string()
      .regex(/^[\x21-\x2b\x2d-\x7e]{1,40}$/, { error: 'expected printable characters without blanks and commas' })
      .optional(),
    signs: SignedText.optional(),
    timestamp: HeaderName.optional(),
    tolerance: durationUpTo('1d').optional(),
  })
  .superRefine((signature, issues) => {
    const { preset = 'generic', secrets: _, preset: __, tolerance, ...own } = signature;
    const [key] = Object.entries(own).flatMap(([name, value]) => (value === undefined ? [] : [name]));
    if (preset !== 'generic' && key !== undefined)
      issues.addIssue({ code: 'custom', path: [key], message: `the preset ${preset} says that; leave it out, or leave the preset out` });
    if (tolerance !== undefined && (preset === 'github' || preset === 'shopify'))
      issues.addIssue({ code: 'custom', path: ['tolerance'], message: `${preset} signs no time stamp, so there is none to check; leave it out` });
  });

/** Where senders post events to: `/events/<name>`. They wait here until collectors have taken them. */
export const EventsSource = z
  .strictObject({
    ...COMMON,
    type: z.literal('events'),
    signature: Signature.optional(),
    /** `token`: a bearer token or an API key of somebody with the right to load into each dataset that is filled from here. */
    auth: z.literal('token').optional(),
    /** Senders that ask before they send, as CloudEvents has it: the names that they give themselves. */
    origins: z
      .array(z.string().regex(/^[A-Za-z0-9.-]{1,253}$/, { error: 'expected the name of a host, such as eventemitter.example.com' }))
      .min(1)
      .max(50)
      .optional(),
    /** How long an event is known by its id, so that it is taken once. */
    remember: durationUpTo('90d').optional(),
    /** Events that may wait; more are refused, and sent again later. */
    maxWaiting: z.int().min(1).max(100_000_000).optional(),
  })
  .refine(({ signature, auth }) => (signature === undefined) !== (auth === undefined), {
    error: 'expected either signature: or auth: token. Nobody may send without one of them',
  });

export type SignatureSpec = z.output<typeof Signature>;
export type EventsSourceSpec = z.output<typeof EventsSource>;
