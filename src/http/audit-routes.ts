import type { FastifyInstance, FastifyRequest } from 'fastify';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { AUDIT_FORMATS, parseAuditFormat, parseBound, type AuditFiles, type AuditVerification, type RangeAsked } from '../audit/index.js';
import { refusedTo } from '../graphql/index.js';
import { hasRole, type Principal } from '../identity/index.js';
import { HeadgateError, type Log } from '../kernel/index.js';
import { authenticate, type Door } from './authenticate.js';
import { presentable, problemOf } from './problem.js';

export interface AuditRoutesOptions extends Door {
  readonly log: Log;
  readonly files: Pick<AuditFiles, 'export' | 'proof'>;
  /** `file`: checkpoints that were kept elsewhere, to hold the chain against instead of our own file. */
  readonly verify: (file?: string, onProgress?: (entries: number) => void) => Promise<AuditVerification>;
}

const LARGEST_CHECKPOINTS = 256 * 1024 * 1024;
const NDJSON = 'application/x-ndjson';

/** The record as a file, and its proof. */
export function auditRoutes(app: FastifyInstance, options: AuditRoutesOptions): void {
  app.register(async (scope) => {
    scope.addContentTypeParser(NDJSON, { parseAs: 'string', bodyLimit: LARGEST_CHECKPOINTS }, (_request, body, done) => done(null, body));

    scope.get('/audit/export', { exposeHeadRoute: false }, async (request, reply) => {
      const principal = await authenticate(options, request, reply);
      await check(options, principal, 'audit.export');
      const { format: asked = 'ndjson', ...range } = queryOf(request, ['format', 'from', 'to']);
      const format = parseAuditFormat(asked);
      // A client may take its time, and so may the database.
      request.raw.socket.setTimeout(0);
      const file = await options.files.export(principal, format, rangeOf(range));
      return reply.type(AUDIT_FORMATS[format]).header('content-disposition', `attachment; filename="audit.${format}"`).send(file);
    });
    scope.get('/audit/proof', { exposeHeadRoute: false }, async (request, reply) => {
      const principal = await authenticate(options, request, reply);
      await check(options, principal, 'audit.proof');
      return options.files.proof(principal, rangeOf(queryOf(request, ['from', 'to'])));
    });
    scope.post('/audit/verify', { bodyLimit: LARGEST_CHECKPOINTS }, async (request, reply) => {
      const principal = await authenticate(options, request, reply);
      await check(options, principal, 'audit.verify');
      // A long record takes its time, and nothing is said meanwhile.
      request.raw.socket.setTimeout(0);
      const verify = async (onProgress?: (entries: number) => void): Promise<AuditVerification> => {
        const { body } = request;
        const work = async (file?: string) => options.verify(file, onProgress);
        const verification = typeof body === 'string' ? await withFile(body, work) : await work();
        const { valid, entries } = verification;
        await options.audit.record({ actor: principal, action: 'audit.verify', decision: 'ALLOWED', details: { valid, entries } });
        return verification;
      };
      if (!request.headers.accept?.includes(NDJSON)) return verify();
      return reply.type(NDJSON).send(Readable.from(told(verify, (error) => problemOf(presentable(error, options.log).error))));
    });
  });
}

/** How far it is, a line now and then, and the outcome, or the problem, as the last one. */
async function* told(work: (onProgress: (entries: number) => void) => Promise<AuditVerification>, problem: (error: unknown) => object): AsyncGenerator<string> {
  let [entries, tell] = [0, (): void => undefined];
  const done = work((count) => {
    entries = count;
    tell();
  }).catch((error: unknown) => ({ problem: problem(error) }));
  let isOver = false;
  void done.then(() => {
    isOver = true;
    tell();
  });
  for (let last = 0; !isOver;) {
    if (entries > last) {
      last = entries;
      yield `${JSON.stringify({ progress: entries })}\n`;
    } else {
      await new Promise<void>((resolve) => (tell = resolve));
    }
  }
  yield `${JSON.stringify(await done)}\n`;
}

function queryOf<Name extends string>(request: FastifyRequest, names: readonly Name[]): Partial<Record<Name, string>> {
  const query: Partial<Record<Name, string>> = {};
  for (const [name, value] of Object.entries(request.query as Readonly<Record<string, string | string[]>>)) {
    const known = names.find((one) => one === name);
    if (!known) throw new HeadgateError('BAD_USER_INPUT', `${name.slice(0, 64)}: unknown parameter; known: ${names.join(', ')}.`, { path: name.slice(0, 64) });
    if (typeof value !== 'string') throw new HeadgateError('BAD_USER_INPUT', `${known}: expected once.`, { path: known });
    query[known] = value;
  }
  return query;
}

/** @throws HeadgateError BAD_USER_INPUT */
function rangeOf({ from, to }: { readonly from?: string; readonly to?: string }): RangeAsked {
  return { ...(from !== undefined && { from: parseBound('from', from) }), ...(to !== undefined && { to: parseBound('to', to) }) };
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
