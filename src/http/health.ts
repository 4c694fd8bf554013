import type { FastifyInstance } from 'fastify';
import { HeadgateError, isHeadgateError } from '../kernel/index.js';
import type { Database } from '../store/index.js';
import { sendProblem } from './problem.js';

/** How long the database may take to say that it is there. */
const PATIENCE_MS = 2_000;

interface HealthOptions {
  readonly database: Database;
  readonly catalogVersion: () => string;
  /** @throws HeadgateError UNAVAILABLE with what is missing */
  readonly check: () => void;
}

/** `/healthz`: the process runs. `/readyz`: it may take traffic: its database answers, its catalog is loaded, its keys are there. */
export function health(app: FastifyInstance, { database, catalogVersion, check }: HealthOptions): void {
  app.get('/healthz', async () => ({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) => {
    try {
      check();
      await database.pool.query({ text: 'SELECT 1', query_timeout: PATIENCE_MS } as { text: string });
      return { status: 'ready', catalogVersion: catalogVersion() };
    } catch (cause) {
      if (isHeadgateError(cause)) return sendProblem(reply, cause);
      return sendProblem(reply, new HeadgateError('UNAVAILABLE', 'The database does not answer.', {}, { cause }));
    }
  });
}
