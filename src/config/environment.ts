import { z } from 'zod';
import { HeadgateError } from '../kernel/index.js';
import { ALLOWED_ADDRESSES, allowedAddresses } from './allowed-address.js';

/** A text that must match; the value is told back only where it can't be a secret. */
const text = (pattern: RegExp, expected: string) => z.string().regex(pattern, { error: ({ input }) => `expected ${expected}, got ${quoted(input)}` });
const secretText = (pattern: RegExp, expected: string) => z.string().regex(pattern, { error: `expected ${expected}` });
const anyText = z.string();

const choice = <const Values extends readonly [string, ...string[]]>(...values: Values) =>
  z.enum(values, { error: ({ input }) => `expected one of ${values.join(', ')}, got ${quoted(input)}` });

/** Digits only: `1e3`, `0x10` and `10.0` are numbers to JavaScript, and mistakes in an environment. */
const whole = (least: number, most: number, fallback: number) =>
  z
    .string()
    .default(String(fallback))
    .transform((input, context) => {
      const value = /^\d{1,15}$/.test(input) ? Number(input) : Number.NaN;
      if (value >= least && value <= most) return value;
      context.addIssue({ code: 'custom', message: `expected a whole number from ${least} to ${most}, got ${quoted(input)}` });
      return z.NEVER;
    });

const httpUrl = z.string().refine((input) => URL.canParse(input) && /^https?:$/.test(new URL(input).protocol), {
  error: ({ input }) => `expected an http:// or https:// URL, got ${quoted(input)}`,
});

/** Without a name and a password in it: they would be told where the URL is told. */
const postUrl = httpUrl.refine((input) => !URL.canParse(input) || new URL(input).username + new URL(input).password === '', {
  error: 'expected a URL without a user and a password in it',
});

const addresses = z.string().transform((input, context) => {
  const allowed = allowedAddresses(input);
  if (allowed) return allowed;
  context.addIssue({ code: 'custom', message: `expected ${ALLOWED_ADDRESSES}, got ${quoted(input)}` });
  return z.NEVER;
});

const MIB = 1024 ** 2;

const Variables = z.object({
  HEADGATE_HOME: anyText.default('./.headgate'),
  DATABASE_URL: secretText(/^postgres(ql)?:\/\//, 'a URL that begins with postgres://').optional(),
  REDIS_URL: secretText(/^rediss?:\/\//, 'a URL that begins with redis:// or rediss://').optional(),
  HEADGATE_JWKS_URL: httpUrl.optional(),
  HEADGATE_JWT_ISSUER: anyText.optional(),
  HEADGATE_JWT_AUDIENCE: anyText.optional(),
  HEADGATE_MASTER_KEY: anyText.optional(),
  HEADGATE_AUDIT: choice('strict', 'async').default('strict'),
  HEADGATE_AUDIT_CHECKPOINT_URL: postUrl.optional(),
  HEADGATE_AUDIT_CHECKPOINT_TOKEN: secretText(/^[\x21-\x7e]+$/, 'printable ASCII without blanks').optional(),
  HEADGATE_ROLES_CLAIM: anyText.default('roles'),
  HEADGATE_TLS_CERT: anyText.optional(),
  HEADGATE_TLS_KEY: anyText.optional(),
  HEADGATE_CORS_ORIGINS: text(
    /^(\*|https?:\/\/[^\s/,]+)(\s*,\s*https?:\/\/[^\s/,]+)*$/,
    'origins with commas between (https://app.example.com), or *',
  ).optional(),
  HEADGATE_FILES: anyText.optional(),
  HEADGATE_OUTBOUND_ALLOW: addresses.optional(),
  HEADGATE_TRUSTED_DOCUMENTS: anyText.optional(),
  HEADGATE_CACHE_BYTES: whole(0, 1e13, 64 * MIB),
  HEADGATE_ROLES: anyText.default('gateway,worker'),
  HEADGATE_DEFAULT_PAGE: whole(1, 100_000, 50),
  HEADGATE_MAX_PAGE: whole(1, 100_000, 1000),
  HEADGATE_MAX_COST: whole(1, 1e12, 200_000),
  HEADGATE_MAX_DEPTH: whole(1, 100, 12),
  HEADGATE_MAX_ALIASES: whole(1, 10_000, 30),
  HEADGATE_MAX_TOKENS: whole(1, 1_000_000, 2000),
  HEADGATE_MAX_SUBSCRIPTIONS: whole(1, 1_000_000, 100),
  HEADGATE_STATEMENT_TIMEOUT_MS: whole(1, 86_400_000, 10_000),
  HEADGATE_EXPORT_TIMEOUT_MS: whole(1, 86_400_000, 3_600_000),
  HEADGATE_RATE_LIMIT: whole(0, 1e9, 60_000),
  HEADGATE_RATE_LIMIT_ANONYMOUS: whole(0, 1e9, 6_000),
  HEADGATE_RATE_LIMIT_INTROSPECTION: whole(0, 1e9, 60),
  HEADGATE_RATE_LIMIT_EVENTS: whole(0, 1e9, 600_000),
  HEADGATE_MAX_CONCURRENT_READS: whole(0, 1_000_000, 100),
  HEADGATE_MAX_WAITING_READS: whole(1, 1_000_000, 500),
  HEADGATE_MAX_LOOP_DELAY_MS: whole(0, 600_000, 1_000),
  HEADGATE_MAX_RESPONSE_BYTES: whole(1, 1024 * MIB, 50 * MIB),
  HEADGATE_MAX_REQUEST_BYTES: whole(1, 1024 * MIB, 5 * MIB),
  HEADGATE_MAX_UPLOAD_BYTES: whole(1, 1e15 - 1, 64 * 1024 * MIB),
  HEADGATE_MAX_VALUE_BYTES: whole(1, 64 * MIB, MIB),
  HOST: text(/^\S+$/, 'a host name or an address').default('127.0.0.1'),
  PORT: whole(0, 65_535, 4000),
  LOG_LEVEL: choice('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent').default('warn'),
});

export type Environment = z.infer<typeof Variables>;

/**
 * The variables that we know, with their defaults. An empty variable counts as unset.
 * @throws HeadgateError BAD_USER_INPUT that names each variable at fault and what it should be.
 */
export function readEnvironment(env: NodeJS.ProcessEnv): Environment {
  const parsed = Variables.safeParse(Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== '')));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new HeadgateError('BAD_USER_INPUT', `The environment is not usable. ${problems.join('; ')}.`, { problems });
}

function quoted(input: unknown): string {
  return JSON.stringify(input);
}
