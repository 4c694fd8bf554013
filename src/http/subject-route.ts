import type { FastifyInstance } from 'fastify';
import type { Readable } from 'node:stream';
import type { SubjectDownload } from '../delivery/index.js';
import { refusedTo, type World } from '../graphql/index.js';
import { hasRole } from '../identity/index.js';
import { addressOf, authenticate, type Door } from './authenticate.js';

export interface SubjectRouteOptions extends Door {
  readonly world: () => World;
  readonly openSubjectExport: (download: SubjectDownload) => Promise<Readable>;
}

/** `GET /subjects/exports/{id}`: the archive that `exportSubject` gave the address of, made while it is fetched. */
export function subjectRoute(app: FastifyInstance, options: SubjectRouteOptions): void {
  app.get<{ Params: { id: string } }>('/subjects/exports/:id', { exposeHeadRoute: false }, async (request, reply) => {
    const principal = await authenticate(options, request, reply);
    if (!hasRole(principal, 'admin', 'steward')) {
      const error = refusedTo(principal, 'the export of a subject', 'admin, steward');
      await options.audit.record({ actor: principal, action: 'subject.export', decision: 'DENIED', details: { code: error.code } });
      throw error;
    }
    // The socket is silent while the database looks for rows; the exports themselves look after a client that takes nothing.
    request.raw.socket.setTimeout(0);
    const gone = new AbortController();
    reply.raw.once('close', () => {
      if (!reply.raw.writableFinished) gone.abort();
    });
    const { authorizer } = options.world();
    const { id } = request.params;
    const body = await options.openSubjectExport({ id, principal, authorizer, address: addressOf(request), signal: gone.signal });
    return reply.type('application/zip').header('content-disposition', `attachment; filename="subject-${id.toLowerCase()}.zip"`).send(body);
  });
}
