import type { FastifyInstance } from 'fastify';
import type { Gate } from './gate.js';

/** They say how the process does, to those who decide whether it gets more to do. */
const ALWAYS_ANSWERED: ReadonlySet<string | undefined> = new Set(['/healthz', '/readyz', '/metrics']);

/** Refuses requests at once, before their body is read, while the process has more to do than it can. */
export function shedding(app: FastifyInstance, gate: Pick<Gate, 'pass'>): void {
  app.addHook('onRequest', (request, _reply, done) => {
    if (ALWAYS_ANSWERED.has(request.routeOptions.url)) return done();
    try {
      gate.pass();
      done();
    } catch (error) {
      done(error as Error);
    }
  });
}
