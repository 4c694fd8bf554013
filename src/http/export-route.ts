import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { pipeline, type Readable } from 'node:stream';
import { constants, createGzip } from 'node:zlib';
import type { Limits } from '../config/index.js';
import { EXPORT_FORMATS, type ExportFile, type ExportFormat, type ExportRequest } from '../delivery/index.js';
import { parseExport, type ExportAsked, type ExportQuery, type Views, type World } from '../graphql/index.js';
import type { Principal } from '../identity/index.js';
import { HeadgateError, isHeadgateError, sha256 } from '../kernel/index.js';
import { addressOf, authenticate, type Door } from './authenticate.js';

export interface ExportRouteOptions extends Door {
  readonly world: () => World;
  readonly views: Views;
  readonly config: { readonly limits: Pick<Limits, 'maxCost'> };
  /** Resolves when the first bytes are there. */
  readonly startExport: (request: ExportRequest) => Promise<ExportFile>;
}

const PARAMETERS = ['format', 'fields', 'where', 'orderBy'] as const;

/** `GET /export/{dataset}`: the rows as a file, streamed. What goes wrong on the way cuts the connection, so that no file looks whole. */
export function exportRoute(app: FastifyInstance, options: ExportRouteOptions): void {
  app.get<{ Params: { dataset: string } }>('/export/:dataset', { exposeHeadRoute: false }, async (request, reply) => {
    const principal = await authenticate(options, request, reply);
    const { format, ...query } = queryOf(request);
    const world = options.world();
    const asked = await ask(options, { principal, world, dataset: request.params.dataset, query });
    // The socket is silent while the database sorts; the export itself looks after a client that takes nothing.
    request.raw.socket.setTimeout(0);
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    const operationHash = sha256(request.url);
    const address = addressOf(request);
    const file = await options.startExport({ ...asked, principal, address, authorizer: world.authorizer, format, operationHash, signal: gone.signal });
    return send(request, reply, file);
  });
}

interface Asking {
  readonly principal: Principal;
  readonly world: World;
  readonly dataset: string;
  readonly query: ExportQuery;
}

/** What is asked for, by the names that the principal may know. A dataset of which they know nothing is on the record as asked for. */
async function ask({ views, audit, config }: ExportRouteOptions, { principal, world, dataset, query }: Asking): Promise<ExportAsked> {
  const { schemas } = await views.viewFor(world, principal);
  try {
    return parseExport(schemas.plane, dataset, query, config.limits);
  } catch (error) {
    if (isHeadgateError(error) && (error.code === 'NOT_FOUND' || error.code === 'QUERY_TOO_COMPLEX')) {
      const known = error.code === 'NOT_FOUND' ? {} : { dataset };
      await audit.record({ actor: principal, action: 'export', ...known, decision: 'DENIED', details: { code: error.code } });
    }
    throw error;
  }
}

function send(request: FastifyRequest, reply: FastifyReply, { body, contentType, fileName, masked }: ExportFile): FastifyReply {
  void reply.type(contentType).header('content-disposition', `attachment; filename="${fileName}"`);
  if (masked.length > 0) void reply.header('x-headgate-masked', masked.join(', '));
  // Parquet is packed already.
  if (fileName.endsWith('.parquet')) return reply.send(body);
  void reply.header('vary', [reply.getHeader('vary'), 'Accept-Encoding'].filter(Boolean).join(', '));
  return reply.send(takesGzip(request) ? zipped(reply, body) : body);
}

function zipped(reply: FastifyReply, body: Readable): Readable {
  void reply.header('content-encoding', 'gzip');
  // A faster level: files of any size go through here.
  const gzip = createGzip({ level: constants.Z_BEST_SPEED, chunkSize: 1 << 16 });
  // What ends one ends the other; the reply tells of an error.
  pipeline(body, gzip, () => undefined);
  return gzip;
}

function takesGzip({ headers }: FastifyRequest): boolean {
  const codings = String(headers['accept-encoding'] ?? '').split(',');
  return codings.some((coding) => {
    const [name = '', ...parameters] = coding.split(';').map((part) => part.trim().toLowerCase());
    return name === 'gzip' && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
}

function queryOf(request: FastifyRequest): ExportQuery & { readonly format: ExportFormat } {
  const given = request.query as Readonly<Record<string, string | string[]>>;
  const query: Partial<Record<(typeof PARAMETERS)[number], string>> = {};
  for (const [name, value] of Object.entries(given)) {
    const parameter = PARAMETERS.find((known) => known === name);
    if (!parameter) throw bad(name.slice(0, 64), `unknown parameter; known: ${PARAMETERS.join(', ')}`);
    if (Array.isArray(value)) throw bad(parameter, 'expected once');
    query[parameter] = value;
  }
  const { format = 'csv', ...rest } = query;
  if (!isFormat(format)) throw bad('format', `expected one of ${Object.keys(EXPORT_FORMATS).join(', ')}`);
  return { ...rest, format };
}

function isFormat(format: string): format is ExportFormat {
  return Object.hasOwn(EXPORT_FORMATS, format);
}

function bad(name: string, expected: string): HeadgateError {
  return new HeadgateError('BAD_USER_INPUT', `${name}: ${expected}.`, { path: name });
}
