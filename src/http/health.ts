import type { FastifyInstance } from 'fastify';
import { HeadgateError } from '../kernel/index.js';
import type { Database } from '../store/index.js';
import { sendProblem } from './problem.js';

/** How long the database may take to say that it is there. */
const PATIENCE_MS = 2_000;

/** `/healthz`: the process runs. `/readyz`: it may take traffic: its database answers, its catalog is loaded. */
export function health(app: FastifyInstance, { database, catalogVersion }: { readonly database: Database; readonly catalogVersion: () => string }): void {
  app.get('/healthz', async () => ({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) => {
    try {
      await database.pool.query({ text: 'SELECT 1', query_timeout: PATIENCE_MS } as { text: string });
      return { status: 'ready', catalogVersion: catalogVersion() };
    } catch (cause) {
      return sendProblem(reply, new HeadgateError('UNAVAILABLE', 'The database does not answer.', {}, { cause }));
    }
  });
}
