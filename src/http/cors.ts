import type { FastifyInstance } from 'fastify';

const METHODS = 'GET, POST, OPTIONS';
const HEADERS = 'Authorization, X-Api-Key, X-Purpose, Content-Type, Content-Encoding, Idempotency-Key, Accept';
const EXPOSED = 'X-Request-Id, WWW-Authenticate, X-Headgate-Masked, Content-Disposition, Retry-After';

/**
 * Lets browsers of the configured origins ask; `*` is any origin, which is safe as far as credentials are never cookies.
 * Without the header a browser keeps the answer from a foreign page.
 */
export function cors(app: FastifyInstance, origins: readonly string[]): void {
  if (origins.length === 0) return;
  app.addHook('onRequest', async (request, reply) => {
    const { origin } = request.headers;
    void reply.header('vary', 'Origin');
    if (origin === undefined || !(origins.includes('*') || origins.includes(origin))) return;
    void reply.header('access-control-allow-origin', origin).header('access-control-expose-headers', EXPOSED);
    if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined) return;
    return reply
      .header('access-control-allow-methods', METHODS)
      .header('access-control-allow-headers', HEADERS)
      .header('access-control-max-age', '600')
      .code(204)
      .send();
  });
  // Hooks run for known routes only; a preflight needs one.
  app.options('*', async (_request, reply) => reply.code(204).send());
}
