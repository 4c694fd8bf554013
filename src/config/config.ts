import { resolve } from 'node:path';
import { z } from 'zod';
import { HeadgateError } from '../kernel/index.js';

/** What a process does: `gateway` answers HTTP, `worker` runs queued work. */
export type ProcessRole = 'gateway' | 'worker';

/** Everything the process may know of its environment, read once at start and frozen. */
export interface Config {
  /** Data directory of the embedded database, keys, spool and checkpoints. */
  readonly home: string;
  /** PostgreSQL 17 or later instead of the embedded one. */
  readonly databaseUrl?: string;
  readonly redisUrl?: string;
  readonly identityProvider?: { readonly jwksUrl: string; readonly issuer: string; readonly audience: string };
  /** Dotted path or JSON pointer to the roles in a token. */
  readonly rolesClaim: string;
  /** 32 bytes; when absent a key file in `home` is used. */
  readonly masterKey?: Buffer;
  readonly auditMode: 'strict' | 'async';
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
  readonly corsOrigins: readonly string[];
  readonly host: string;
  readonly port: number;
  readonly logLevel: string;
  readonly roles: readonly ProcessRole[];
  /** The folder under which `ingest(source:)` may read files; none when absent. */
  readonly filesDir?: string;
  readonly limits: Limits;
  /** `HEADGATE_SECRET_*` only: the variables a manifest may refer to. */
  readonly secrets: ReadonlyMap<string, string>;
}

/** Bounds of one request; each can be set by the variable named in docs/configuration. */
export interface Limits {
  /** Rows a page holds when the query does not say, and at the most. */
  readonly defaultPage: number;
  readonly maxPage: number;
  /** The price of one operation, in fields of rows that it could return. */
  readonly maxCost: number;
  readonly maxDepth: number;
  readonly maxAliases: number;
  readonly maxTokens: number;
  readonly statementTimeoutMs: number;
  /** Bytes of a GraphQL request body. */
  readonly maxRequestBytes: number;
  /** Bytes of one uploaded file, unpacked. */
  readonly maxUploadBytes: number;
  /** Bytes of one value, and of one line, in a loaded file. */
  readonly maxValueBytes: number;
}

const count = (fallback: number, max = Number.MAX_SAFE_INTEGER) => z.coerce.number().int().min(1).max(max).default(fallback);
const optionalText = z.string().min(1).optional();

const Environment = z.object({
  HEADGATE_HOME: z.string().min(1).default('./.headgate'),
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'must be a postgres:// URL')
    .optional(),
  REDIS_URL: z
    .string()
    .regex(/^rediss?:\/\//, 'must be a redis:// URL')
    .optional(),
  HEADGATE_JWKS_URL: z.url().optional(),
  HEADGATE_JWT_ISSUER: optionalText,
  HEADGATE_JWT_AUDIENCE: optionalText,
  HEADGATE_MASTER_KEY: optionalText,
  HEADGATE_AUDIT: z.enum(['strict', 'async']).default('strict'),
  HEADGATE_ROLES_CLAIM: z.string().min(1).default('roles'),
  HEADGATE_TLS_CERT: optionalText,
  HEADGATE_TLS_KEY: optionalText,
  HEADGATE_CORS_ORIGINS: z.string().default(''),
  HEADGATE_FILES: optionalText,
  HEADGATE_ROLES: z.string().default('gateway,worker'),
  HEADGATE_MAX_PAGE: count(1000),
  HEADGATE_MAX_COST: count(200_000),
  HEADGATE_STATEMENT_TIMEOUT_MS: count(10_000),
  HEADGATE_MAX_REQUEST_BYTES: count(5 * 1024 * 1024),
  HEADGATE_MAX_UPLOAD_BYTES: count(64 * 1024 ** 3),
  HEADGATE_MAX_VALUE_BYTES: count(1024 * 1024, 64 * 1024 * 1024),
  HOST: z.string().min(1).default('127.0.0.1'),
  PORT: z.coerce.number().int().min(0).max(65535).default(4000),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('warn'),
});

/**
 * Reads the environment into one frozen Config. An empty variable counts as unset.
 * @throws HeadgateError BAD_USER_INPUT that names each variable at fault and what it should be.
 */
export function loadConfig(env: NodeJS.ProcessEnv): Config {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const parsed = Environment.safeParse(set);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new HeadgateError('BAD_USER_INPUT', `The environment is not usable. ${problems.join('; ')}`, { problems });
  }
  const e = parsed.data;
  const provider = identityProvider(e);
  const masterKey = e.HEADGATE_MASTER_KEY === undefined ? undefined : decodeMasterKey(e.HEADGATE_MASTER_KEY);
  const tls = tlsFiles(e);
  return Object.freeze({
    home: resolve(e.HEADGATE_HOME),
    ...(e.DATABASE_URL && { databaseUrl: e.DATABASE_URL }),
    ...(e.REDIS_URL && { redisUrl: e.REDIS_URL }),
    ...(provider && { identityProvider: provider }),
    ...(masterKey && { masterKey }),
    ...(tls && { tls }),
    rolesClaim: e.HEADGATE_ROLES_CLAIM,
    auditMode: e.HEADGATE_AUDIT,
    corsOrigins: list(e.HEADGATE_CORS_ORIGINS),
    host: e.HOST,
    port: e.PORT,
    logLevel: e.LOG_LEVEL,
    roles: processRoles(e.HEADGATE_ROLES, 'HEADGATE_ROLES'),
    ...(e.HEADGATE_FILES && { filesDir: resolve(e.HEADGATE_FILES) }),
    limits: Object.freeze({
      defaultPage: Math.min(50, e.HEADGATE_MAX_PAGE),
      maxPage: e.HEADGATE_MAX_PAGE,
      maxCost: e.HEADGATE_MAX_COST,
      maxDepth: 12,
      maxAliases: 30,
      maxTokens: 2000,
      statementTimeoutMs: e.HEADGATE_STATEMENT_TIMEOUT_MS,
      maxRequestBytes: e.HEADGATE_MAX_REQUEST_BYTES,
      maxUploadBytes: e.HEADGATE_MAX_UPLOAD_BYTES,
      maxValueBytes: e.HEADGATE_MAX_VALUE_BYTES,
    }),
    secrets: new Map(Object.entries(set).filter(([name]) => name.startsWith('HEADGATE_SECRET_')) as [string, string][]),
  });
}

/** @throws HeadgateError BAD_USER_INPUT when a role is not one of gateway and worker. */
export function processRoles(text: string, origin: string): readonly ProcessRole[] {
  const roles = list(text);
  const unknown = roles.filter((role) => role !== 'gateway' && role !== 'worker');
  if (unknown.length > 0 || roles.length === 0) {
    throw new HeadgateError('BAD_USER_INPUT', `${origin}: expected gateway, worker or both with a comma, got "${text}".`);
  }
  return roles as ProcessRole[];
}

function list(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);
}

type Env = z.infer<typeof Environment>;

function identityProvider(e: Env): Config['identityProvider'] {
  const { HEADGATE_JWKS_URL: jwksUrl, HEADGATE_JWT_ISSUER: issuer, HEADGATE_JWT_AUDIENCE: audience } = e;
  if (!jwksUrl && !issuer && !audience) return undefined;
  if (!jwksUrl || !issuer || !audience) {
    throw new HeadgateError(
      'BAD_USER_INPUT',
      'HEADGATE_JWKS_URL, HEADGATE_JWT_ISSUER and HEADGATE_JWT_AUDIENCE go together: set all three, or none to use a local key.',
    );
  }
  return { jwksUrl, issuer, audience };
}

function tlsFiles(e: Env): Config['tls'] {
  const { HEADGATE_TLS_CERT: certFile, HEADGATE_TLS_KEY: keyFile } = e;
  if (!certFile && !keyFile) return undefined;
  if (!certFile || !keyFile) {
    throw new HeadgateError('BAD_USER_INPUT', 'HEADGATE_TLS_CERT and HEADGATE_TLS_KEY go together: set both, or none to serve plain HTTP.');
  }
  return { certFile, keyFile };
}

function decodeMasterKey(text: string): Buffer {
  const key = Buffer.from(text, 'base64');
  if (key.length !== 32) {
    throw new HeadgateError('BAD_USER_INPUT', `HEADGATE_MASTER_KEY: expected 32 bytes in base64 (openssl rand -base64 32), got ${key.length} bytes.`);
  }
  return key;
}
