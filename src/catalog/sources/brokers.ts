import { z } from 'zod';
import { authBy, Basic } from './auth.js';
import { COMMON, plainUrl, Secret } from './parts.js';

/** Certificates beside those that the system trusts, and one to show; a PEM text, or the secret that holds it. */
const Tls = z.strictObject({
  ca: z.union([Secret, z.string().regex(/^-----BEGIN CERTIFICATE-----/)]).optional(),
  cert: Secret.optional(),
  key: Secret.optional(),
});

const natsAuth = authBy({
  basic: Basic,
  token: Secret,
  /** The seed of a key. */
  nkey: Secret,
  /** What a .creds file holds. */
  credentials: Secret,
});

const natsUrl = plainUrl(['nats', 'tls']);

/** A NATS with JetStream. Several URLs are servers of one cluster. */
export const NatsSource = z.strictObject({
  ...COMMON,
  type: z.literal('nats'),
  url: z.union([natsUrl, z.array(natsUrl).min(1).max(50)]),
  auth: natsAuth.optional(),
  tls: Tls.optional(),
});

/** A Redis, for its streams. */
export const RedisSource = z.strictObject({
  ...COMMON,
  type: z.literal('redis'),
  url: plainUrl(['redis', 'rediss']),
  auth: authBy({ basic: Basic.partial({ user: true }) }).optional(),
  tls: Tls.optional(),
});

const kafkaUrl = plainUrl(['kafka', 'kafkas']);

/** By SASL. */
const kafkaAuth = authBy({
  /** Its mechanism PLAIN. */
  basic: Basic,
  scramSha256: Basic,
  scramSha512: Basic,
});

/** A Kafka. Several URLs are brokers of one cluster, which are asked for the others. */
export const KafkaSource = z.strictObject({
  ...COMMON,
  type: z.literal('kafka'),
  url: z.union([kafkaUrl, z.array(kafkaUrl).min(1).max(50)]),
  auth: kafkaAuth.optional(),
  tls: Tls.optional(),
});
