import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/index.js';

test('an empty environment has a default for all', () => {
  const config = loadConfig({ PATH: '/bin', DATABASE_URL: '', PORT: '' });
  expect(config).toEqual({
    home: resolve('.headgate'),
    rolesClaim: 'roles',
    auditMode: 'strict',
    corsOrigins: [],
    outboundAllow: [],
    host: '127.0.0.1',
    port: 4000,
    logLevel: 'warn',
    roles: ['gateway', 'worker'],
    cacheBytes: 64 * 1024 ** 2,
    limits: {
      defaultPage: 50,
      maxPage: 1000,
      maxCost: 200_000,
      maxDepth: 12,
      maxAliases: 30,
      maxTokens: 2000,
      rateLimit: 60_000,
      rateLimitAnonymous: 6_000,
      rateLimitEvents: 600_000,
      rateLimitIntrospection: 60,
      maxConcurrentReads: 100,
      maxWaitingReads: 500,
      maxLoopDelayMs: 1_000,
      maxResponseBytes: 50 * 1024 * 1024,
      maxSubscriptions: 100,
      statementTimeoutMs: 10_000,
      exportTimeoutMs: 3_600_000,
      maxRequestBytes: 5 * 1024 ** 2,
      maxUploadBytes: 64 * 1024 ** 3,
      maxValueBytes: 1024 ** 2,
    },
    secrets: new Map(),
  });
  expect(Object.isFrozen(config) && Object.isFrozen(config.limits)).toBe(true);
});

test('each variable arrives where it belongs', () => {
  const key = Buffer.alloc(32, 1);
  const config = loadConfig({
    HEADGATE_HOME: '/data/headgate',
    DATABASE_URL: 'postgresql://u:p@db/headgate',
    REDIS_URL: 'rediss://cache',
    HEADGATE_JWKS_URL: 'https://id.example.com/keys',
    HEADGATE_JWT_ISSUER: 'https://id.example.com/',
    HEADGATE_JWT_AUDIENCE: 'headgate',
    HEADGATE_MASTER_KEY: key.toString('base64'),
    HEADGATE_AUDIT: 'async',
    HEADGATE_ROLES_CLAIM: '/realm_access/roles',
    HEADGATE_TLS_CERT: 'cert.pem',
    HEADGATE_TLS_KEY: 'key.pem',
    HEADGATE_CORS_ORIGINS: 'https://a.example.com, http://localhost:3000',
    HEADGATE_FILES: '/data/in',
    HEADGATE_CACHE_BYTES: '1000',
    HEADGATE_TRUSTED_DOCUMENTS: '/data/documents',
    HEADGATE_OUTBOUND_ALLOW: 'Internal.example.com, 10.1.0.0/16,localhost:9000, 10.2.3.4:80,[fd00::1]:443,fd00::2,bücher.example.',
    HEADGATE_ROLES: 'worker',
    HEADGATE_MAX_PAGE: '20',
    HEADGATE_SECRET_CRM_URL: 'postgres://crm',
    HOST: '0.0.0.0',
    PORT: '0',
    LOG_LEVEL: 'debug',
  });
  expect(config).toMatchObject({
    home: '/data/headgate',
    databaseUrl: 'postgresql://u:p@db/headgate',
    redisUrl: 'rediss://cache',
    identityProvider: { jwksUrl: 'https://id.example.com/keys', issuer: 'https://id.example.com/', audience: 'headgate' },
    masterKeys: [key],
    auditMode: 'async',
    rolesClaim: '/realm_access/roles',
    tls: { certFile: 'cert.pem', keyFile: 'key.pem' },
    corsOrigins: ['https://a.example.com', 'http://localhost:3000'],
    filesDir: '/data/in',
    cacheBytes: 1000,
    trustedDocumentsDir: '/data/documents',
    outboundAllow: [
      { host: 'internal.example.com' },
      { range: '10.1.0.0/16' },
      { host: 'localhost', port: 9000 },
      { range: '10.2.3.4/32', port: 80 },
      { range: 'fd00::1/128', port: 443 },
      { range: 'fd00::2/128' },
      { host: 'xn--bcher-kva.example' },
    ],
    roles: ['worker'],
    host: '0.0.0.0',
    port: 0,
    logLevel: 'debug',
    secrets: new Map([['HEADGATE_SECRET_CRM_URL', 'postgres://crm']]),
  });
  // A page is never larger by default than at the most.
  expect(config.limits).toMatchObject({ maxPage: 20, defaultPage: 20 });
});

describe('a variable at fault is named, with what was expected', () => {
  const whole = (least: number, most: number) => `expected a whole number from ${least} to ${most}`;
  test.each<[Record<string, string>, string]>([
    [{ PORT: 'abc' }, `PORT: ${whole(0, 65535)}, got "abc"`],
    [{ PORT: '65536' }, `PORT: ${whole(0, 65535)}, got "65536"`],
    [{ PORT: '4e3' }, `PORT: ${whole(0, 65535)}, got "4e3"`],
    [{ PORT: '-1' }, `PORT: ${whole(0, 65535)}, got "-1"`],
    [{ HOST: 'my host' }, 'HOST: expected a host name or an address, got "my host"'],
    [{ LOG_LEVEL: 'loud' }, 'LOG_LEVEL: expected one of fatal, error, warn, info, debug, trace, silent, got "loud"'],
    [{ DATABASE_URL: 'mysql://u:hidden@h/d' }, 'DATABASE_URL: expected a URL that begins with postgres://.'],
    [{ REDIS_URL: 'http://:hidden@h' }, 'REDIS_URL: expected a URL that begins with redis:// or rediss://.'],
    [{ HEADGATE_JWKS_URL: 'ftp://keys' }, 'HEADGATE_JWKS_URL: expected an http:// or https:// URL, got "ftp://keys"'],
    [{ HEADGATE_JWKS_URL: 'https://keys' }, 'HEADGATE_JWKS_URL, HEADGATE_JWT_ISSUER and HEADGATE_JWT_AUDIENCE go together'],
    [{ HEADGATE_JWT_ISSUER: 'me', HEADGATE_JWT_AUDIENCE: 'you' }, 'HEADGATE_JWKS_URL, HEADGATE_JWT_ISSUER and HEADGATE_JWT_AUDIENCE go together'],
    [{ HEADGATE_MASTER_KEY: 'hidden' }, 'HEADGATE_MASTER_KEY: expected 32 bytes in base64'],
    [{ HEADGATE_MASTER_KEY: `${Buffer.alloc(32).toString('base64')},hidden` }, 'HEADGATE_MASTER_KEY: expected 32 bytes in base64'],
    [{ HEADGATE_MASTER_KEY: `${Buffer.alloc(32).toString('base64')},` }, 'HEADGATE_MASTER_KEY: expected 32 bytes in base64'],
    [{ HEADGATE_MASTER_KEY: `${Buffer.alloc(32).toString('base64')}, ${Buffer.alloc(32).toString('base64')}` }, 'HEADGATE_MASTER_KEY: expected each key once'],
    [{ HEADGATE_MASTER_KEY: `hidden*${Buffer.alloc(32).toString('base64')}` }, 'HEADGATE_MASTER_KEY: expected 32 bytes in base64'],
    [{ HEADGATE_AUDIT: 'off' }, 'HEADGATE_AUDIT: expected one of strict, async, got "off"'],
    [{ HEADGATE_TLS_CERT: 'cert.pem' }, 'HEADGATE_TLS_CERT and HEADGATE_TLS_KEY go together'],
    [{ HEADGATE_TLS_KEY: 'key.pem' }, 'HEADGATE_TLS_CERT and HEADGATE_TLS_KEY go together'],
    [
      { HEADGATE_CORS_ORIGINS: 'app.example.com' },
      'HEADGATE_CORS_ORIGINS: expected origins with commas between (https://app.example.com), or *, got "app.example.com"',
    ],
    [{ HEADGATE_CORS_ORIGINS: 'https://app.example.com/path' }, 'HEADGATE_CORS_ORIGINS: expected origins'],
    ...[
      '10.1.2.3/16',
      '10.0.0.0/33',
      'http://a.example.com',
      '*.example.com',
      'a:0',
      'a:65536',
      '0x7f.1',
      '10.0.0.1/',
      'fe80::1%lo',
      'fd00::1:',
      'a,,b',
      'u@a',
    ].map((text): [Record<string, string>, string] => [{ HEADGATE_OUTBOUND_ALLOW: text }, 'HEADGATE_OUTBOUND_ALLOW: expected hosts, addresses or ranges']),
    [{ HEADGATE_ROLES: 'gateway,cook' }, 'HEADGATE_ROLES: expected gateway, worker, or both with a comma between, got "gateway,cook"'],
    [{ HEADGATE_ROLES: ',' }, 'HEADGATE_ROLES: expected gateway, worker, or both'],
    [{ HEADGATE_MAX_PAGE: '0' }, `HEADGATE_MAX_PAGE: ${whole(1, 100_000)}, got "0"`],
    [{ HEADGATE_DEFAULT_PAGE: '30', HEADGATE_MAX_PAGE: '20' }, 'HEADGATE_DEFAULT_PAGE: expected at most HEADGATE_MAX_PAGE (20), got 30'],
    [{ HEADGATE_STATEMENT_TIMEOUT_MS: '10s' }, `HEADGATE_STATEMENT_TIMEOUT_MS: ${whole(1, 86_400_000)}, got "10s"`],
    ...['COST', 'DEPTH', 'ALIASES', 'TOKENS', 'REQUEST_BYTES', 'UPLOAD_BYTES', 'VALUE_BYTES'].map((name): [Record<string, string>, string] => [
      { [`HEADGATE_MAX_${name}`]: 'many' },
      `HEADGATE_MAX_${name}: expected a whole number from 1 to `,
    ]),
  ])('%o', (environment, text) => {
    const thrown = caught(environment);
    expect(thrown).toMatchObject({ code: 'BAD_USER_INPUT', message: expect.stringContaining(text) });
    expect(thrown.message).not.toContain('hidden');
  });

  test('all of them at once', () => {
    expect(caught({ PORT: 'abc', LOG_LEVEL: 'loud' })).toMatchObject({
      details: { problems: [expect.stringMatching(/^PORT: /), expect.stringMatching(/^LOG_LEVEL: /)] },
    });
  });
});

function caught(environment: Record<string, string>): Error {
  try {
    loadConfig(environment);
  } catch (error) {
    return error as Error;
  }
  throw new Error('it was accepted');
}

test('several master keys are told by commas, in their order', () => {
  const [one, two] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
  expect(loadConfig({ HEADGATE_MASTER_KEY: `${one.toString('base64')}, ${two.toString('base64')}` }).masterKeys).toEqual([one, two]);
  expect(loadConfig({}).masterKeys).toBeUndefined();
});
