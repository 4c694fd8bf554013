import { resolve } from 'node:path';
import { HeadgateError } from '../kernel/index.js';
import type { AllowedAddress } from './allowed-address.js';
import { readEnvironment, type Environment } from './environment.js';
import { limitsOf, type Limits } from './limits.js';

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
  /** Of 32 bytes each, in the order in which they were made; when absent a key file in `home` is used. */
  readonly masterKeys?: readonly Buffer[];
  readonly auditMode: 'strict' | 'async';
  /** Where each checkpoint of the audit is posted to. */
  readonly auditCheckpoints?: { readonly url: string; readonly token?: string };
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
  readonly corsOrigins: readonly string[];
  readonly host: string;
  readonly port: number;
  readonly logLevel: string;
  readonly roles: readonly ProcessRole[];
  /** The folder under which `ingest(source:)` may read files; none when absent. */
  readonly filesDir?: string;
  /** What may be fetched from inside the own network; nothing when empty. */
  readonly outboundAllow: readonly AllowedAddress[];
  /** The folder with the documents that may be executed; any when absent. */
  readonly trustedDocumentsDir?: string;
  /** Bytes of all answers that are kept in memory. */
  readonly cacheBytes: number;
  readonly limits: Limits;
  /** `HEADGATE_SECRET_*` only: the variables a manifest may refer to. */
  readonly secrets: ReadonlyMap<string, string>;
}

/**
 * Reads the environment into one frozen Config. An empty variable counts as unset.
 * @throws HeadgateError BAD_USER_INPUT that names each variable at fault and what it should be.
 */
export function loadConfig(env: NodeJS.ProcessEnv): Config {
  const e = readEnvironment(env);
  const provider = identityProvider(e);
  const masterKeys = e.HEADGATE_MASTER_KEY === undefined ? undefined : decodeMasterKeys(e.HEADGATE_MASTER_KEY);
  const tls = tlsFiles(e);
  const auditCheckpoints = checkpointReceiver(e);
  return Object.freeze({
    home: resolve(e.HEADGATE_HOME),
    ...(e.DATABASE_URL && { databaseUrl: e.DATABASE_URL }),
    ...(e.REDIS_URL && { redisUrl: e.REDIS_URL }),
    ...(provider && { identityProvider: provider }),
    ...(masterKeys && { masterKeys }),
    ...(tls && { tls }),
    rolesClaim: e.HEADGATE_ROLES_CLAIM,
    auditMode: e.HEADGATE_AUDIT,
    ...(auditCheckpoints && { auditCheckpoints }),
    corsOrigins: list(e.HEADGATE_CORS_ORIGINS ?? ''),
    host: e.HOST,
    port: e.PORT,
    logLevel: e.LOG_LEVEL,
    roles: processRoles(e.HEADGATE_ROLES, 'HEADGATE_ROLES'),
    ...(e.HEADGATE_FILES && { filesDir: resolve(e.HEADGATE_FILES) }),
    outboundAllow: e.HEADGATE_OUTBOUND_ALLOW ?? [],
    ...(e.HEADGATE_TRUSTED_DOCUMENTS && { trustedDocumentsDir: resolve(e.HEADGATE_TRUSTED_DOCUMENTS) }),
    cacheBytes: e.HEADGATE_CACHE_BYTES,
    limits: limitsOf(e, env),
    secrets: secretsOf(env),
  });
}

/** @throws HeadgateError BAD_USER_INPUT when a role is not one of gateway and worker. */
export function processRoles(text: string, origin: string): readonly ProcessRole[] {
  const roles = list(text);
  const unknown = roles.filter((role) => role !== 'gateway' && role !== 'worker');
  if (unknown.length > 0 || roles.length === 0) {
    throw new HeadgateError('BAD_USER_INPUT', `${origin}: expected gateway, worker, or both with a comma between, got ${JSON.stringify(text)}.`);
  }
  return roles as ProcessRole[];
}

function list(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);
}

function identityProvider(e: Environment): Config['identityProvider'] {
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

function checkpointReceiver({ HEADGATE_AUDIT_CHECKPOINT_URL: url, HEADGATE_AUDIT_CHECKPOINT_TOKEN: token }: Environment): Config['auditCheckpoints'] {
  if (url !== undefined) return { url, ...(token !== undefined && { token }) };
  if (token !== undefined) {
    throw new HeadgateError('BAD_USER_INPUT', 'HEADGATE_AUDIT_CHECKPOINT_TOKEN is for HEADGATE_AUDIT_CHECKPOINT_URL, which is not set.');
  }
  return undefined;
}

function tlsFiles(e: Environment): Config['tls'] {
  const { HEADGATE_TLS_CERT: certFile, HEADGATE_TLS_KEY: keyFile } = e;
  if (!certFile && !keyFile) return undefined;
  if (!certFile || !keyFile) {
    throw new HeadgateError('BAD_USER_INPUT', 'HEADGATE_TLS_CERT and HEADGATE_TLS_KEY go together: set both, or none to serve plain HTTP.');
  }
  return { certFile, keyFile };
}

function decodeMasterKeys(text: string): readonly Buffer[] {
  const texts = text.split(',').map((part) => part.trim());
  const keys = texts.map((part) => Buffer.from(part, 'base64'));
  // Node's decoder passes over what is not base64.
  if (keys.some((key, i) => key.length !== 32 || key.toString('base64') !== texts[i])) {
    throw new HeadgateError(
      'BAD_USER_INPUT',
      'HEADGATE_MASTER_KEY: expected 32 bytes in base64, as `openssl rand -base64 32` prints them, or several of these with commas between, the oldest first.',
    );
  }
  if (new Set(texts).size < texts.length) throw new HeadgateError('BAD_USER_INPUT', 'HEADGATE_MASTER_KEY: expected each key once, got one twice.');
  return keys;
}

function secretsOf(env: NodeJS.ProcessEnv): ReadonlyMap<string, string> {
  const named = Object.entries(env).flatMap(([name, value]): [string, string][] => (name.startsWith('HEADGATE_SECRET_') && value ? [[name, value]] : []));
  return new Map(named);
}
