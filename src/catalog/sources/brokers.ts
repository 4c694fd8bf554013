import { z } from 'zod';
import { COMMON, plainUrl, Secret } from './parts.js';

const Line = z.string().min(1).max(1_000);

/** Certificates beside those that the system trusts, and one to show; a PEM text, or the secret that holds it. */
const Tls = z.strictObject({
  ca: z.union([Secret, z.string().regex(/^-----BEGIN CERTIFICATE-----/)]).optional(),
  cert: Secret.optional(),
  key: Secret.optional(),
});

const Password = z.strictObject({ user: Line.optional(), password: Secret });

/** How a client of NATS says who it is. Exactly one of them. */
const NatsAuth = z
  .strictObject({
    user: Line.optional(),
    password: Secret.optional(),
    token: Secret.optional(),
    /** The seed of a key. */
    nkey: Secret.optional(),
    /** What a .creds file holds. */
    credentials: Secret.optional(),
  })
  .refine(
    ({ user, password, ...others }) =>
      (user === undefined) === (password === undefined) && [password, ...Object.values(others)].filter((value) => value !== undefined).length === 1,
    { error: 'expected user and password, or exactly one of token, nkey and credentials' },
  );

const natsUrl = plainUrl(['nats', 'tls']);

/** A NATS with JetStream. Several URLs are servers of one cluster. */
export const NatsSource = z.strictObject({
  ...COMMON,
  type: z.literal('nats'),
  url: z.union([natsUrl, z.array(natsUrl).min(1).max(50)]),
  auth: NatsAuth.optional(),
  tls: Tls.optional(),
});

/** A Redis, for its streams. */
export const RedisSource = z.strictObject({
  ...COMMON,
  type: z.literal('redis'),
  url: plainUrl(['redis', 'rediss']),
  auth: Password.optional(),
  tls: Tls.optional(),
});

const kafkaUrl = plainUrl(['kafka', 'kafkas']);

/** How a client of Kafka says who it is (SASL). */
const KafkaAuth = z.strictObject({
  mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']).optional(),
  user: Line,
  password: Secret,
});

/** A Kafka. Several URLs are brokers of one cluster, which are asked for the others. */
export const KafkaSource = z.strictObject({
  ...COMMON,
  type: z.literal('kafka'),
  url: z.union([kafkaUrl, z.array(kafkaUrl).min(1).max(50)]),
  auth: KafkaAuth.optional(),
  tls: Tls.optional(),
});
