import type { FastifyInstance } from 'fastify';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { AuditVerification } from '../audit/index.js';
import { refusedTo } from '../graphql/index.js';
import { hasRole, type Principal } from '../identity/index.js';
import { authenticate, type Door } from './authenticate.js';

export interface AuditRoutesOptions extends Door {
  /** The sealed entries as lines of JSON. */
  readonly export: () => AsyncIterable<string>;
  /** `file`: checkpoints that were kept elsewhere, to hold the chain against instead of our own file. */
  readonly verify: (file?: string) => Promise<AuditVerification>;
}

const LARGEST_CHECKPOINTS = 256 * 1024 * 1024;

/** The record as a file, and its proof. */
export function auditRoutes(app: FastifyInstance, options: AuditRoutesOptions): void {
  app.register(async (scope) => {
    scope.addContentTypeParser('application/x-ndjson', { parseAs: 'string', bodyLimit: LARGEST_CHECKPOINTS }, (_request, body, done) => done(null, body));

    scope.get('/audit/export', async (request, reply) => {
      const principal = await authenticate(options, request, reply);
      await check(options, principal, 'audit.export');
      await options.audit.record({ actor: principal, action: 'audit.export', decision: 'ALLOWED' });
      return reply.type('application/x-ndjson; charset=utf-8').send(Readable.from(options.export()));
    });
    scope.post('/audit/verify', { bodyLimit: LARGEST_CHECKPOINTS }, async (request, reply) => {
      const principal = await authenticate(options, request, reply);
      await check(options, principal, 'audit.verify');
      // A long record takes its time, and nothing is said meanwhile.
      request.raw.socket.setTimeout(0);
      const verification = typeof request.body === 'string' ? await withFile(request.body, options.verify) : await options.verify();
      const { valid, entries } = verification;
      await options.audit.record({ actor: principal, action: 'audit.verify', decision: 'ALLOWED', details: { valid, entries } });
      return verification;
    });
  });
}

/** What came as a body, as the file that a verification reads. */
async function withFile<T>(text: string, work: (file: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'headgate-checkpoints-'));
  try {
    const file = join(folder, 'checkpoints.ndjson');
    await writeFile(file, text, { mode: 0o600 });
    return await work(file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function check({ audit }: Door, principal: Principal, action: string): Promise<void> {
  if (hasRole(principal, 'admin', 'auditor')) return;
  const error = refusedTo(principal, action, 'admin and auditor');
  await audit.record({ actor: principal, action, decision: 'DENIED', details: { code: error.code } });
  throw error;
}
