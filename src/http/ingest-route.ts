import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';
import { mayIngest, PREVIEW_ROWS, previewFor, toRun, type Run, type World } from '../graphql/index.js';
import type { Dataset } from '../catalog/index.js';
import type { AuditFact } from '../audit/index.js';
import { visibleCatalog } from '../governance/index.js';
import type { Principal } from '../identity/index.js';
import { dialectRequest, LOAD_MODES, type DialectRequest, type LoadMode, type LoadOutcome, type ReadAs } from '../ingestion/index.js';
import type { RunEntity } from '../lifecycle/index.js';
import { HeadgateError } from '../kernel/index.js';
import { authenticate, type Door } from './authenticate.js';
import { uploadedFiles, type UploadedFile } from './uploaded-files.js';

/** One upload, as its sender means it. */
export interface Upload {
  readonly dataset: string;
  readonly source:
    | { readonly stream: Readable; readonly size?: number; readonly contentType?: string }
    | { readonly url: string }
    | { readonly files: AsyncIterable<UploadedFile> };
  readonly contentEncoding?: string;
  readonly format?: string;
  readonly mode: LoadMode;
  readonly force: boolean;
  readonly dialect: DialectRequest;
  readonly idempotencyKey?: string;
  readonly onRead?: (readAs: ReadAs) => void;
}

export interface IngestRouteOptions extends Door {
  readonly world: () => World;
  /** Loads while the sender waits; the run is over when it resolves. Aborts with the signal. */
  readonly load: (upload: Upload, principal: Principal, signal: AbortSignal) => Promise<RunEntity>;
  /** Tells what a load would do, with the first `rows` of each kind; nothing of it is masked. */
  readonly preview: (upload: Upload, principal: Principal, options: { readonly signal: AbortSignal; readonly rows: number }) => Promise<LoadOutcome>;
}

const PARAMETERS = ['mode', 'format', 'force', 'dryRun', 'delimiter', 'quote', 'encoding', 'header', 'decimal', 'detect', 'url'];
const LONGEST_KEY = 200;

/** `POST /ingest/{dataset}`: the body is the file, streamed; the answer comes when the load is committed. */
export function ingestRoute(app: FastifyInstance, options: IngestRouteOptions): void {
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    // Not read here: the load takes the bytes as they come, and bounds them.
    scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
    scope.post<{ Params: { dataset: string } }>('/ingest/:dataset', async (request, reply) => {
      const principal = await authenticate(options, request, reply);
      const dataset = await allowed(options, principal, request.params.dataset);
      const upload = uploadOf(request, dataset);
      const dryRun = isDryRun(request);
      // The socket is silent while the load commits, and while a slow sender thinks.
      request.raw.socket.setTimeout(0);
      const gone = new AbortController();
      const leave = () => gone.abort(new HeadgateError('UNAVAILABLE', 'The sender went away before the load was committed. Nothing was loaded.'));
      reply.raw.once('close', leave);
      try {
        if (!dryRun) {
          let readAs: ReadAs | undefined;
          const run = await options.load({ ...upload, onRead: (found) => (readAs = found) }, principal, gone.signal);
          return { ...jsonOf(run), ...(readAs && { readAs }) };
        }
        const outcome = await options.preview(upload, principal, { signal: gone.signal, rows: PREVIEW_ROWS });
        const world = options.world();
        const { datasets } = visibleCatalog(world.catalog, world.authorizer.knownSecrets(principal));
        // By what they may see now: what was allowed when it began may not be any more.
        return previewFor({ principal, world }, datasets.get(dataset.name) ?? { ...dataset, fields: [] }, outcome, {
          isSent: !('url' in upload.source),
        });
      } finally {
        reply.raw.off('close', leave);
        // What a refused load left unread: the connection can be used again only after it.
        request.raw.resume();
      }
    });
  });
}

/** The run as the GraphQL API shows it, without what needs another question. */
export function jsonOf(entity: RunEntity): Run & { readonly dataset: string | null; readonly pipeline: string | null } {
  const { datasetName, pipelineName, requestedWith: _, ...run } = toRun(entity);
  return { ...run, dataset: datasetName, pipeline: pipelineName } as ReturnType<typeof jsonOf>;
}

async function allowed({ world, audit }: IngestRouteOptions, principal: Principal, name: string): Promise<Dataset> {
  const { catalog, authorizer } = world();
  const dataset = visibleCatalog(catalog, authorizer.knownSecrets(principal)).datasets.get(name) && catalog.datasets.get(name);
  const details = (code: string): Pick<AuditFact, 'actor' | 'action' | 'decision' | 'details'> => ({
    actor: principal,
    action: 'ingest',
    decision: 'DENIED',
    details: { code },
  });
  if (!dataset) {
    await audit.record(details('NOT_FOUND'));
    throw new HeadgateError('NOT_FOUND', `There is no dataset "${name.slice(0, 64)}".`, { dataset: name.slice(0, 64) });
  }
  if (mayIngest({ principal, world: world() }, dataset)) return dataset;
  const code = principal.anonymous ? 'UNAUTHENTICATED' : 'FORBIDDEN';
  await audit.record({ ...details(code), dataset: dataset.name });
  const message = principal.anonymous
    ? 'Loading data needs a credential. Send an Authorization: Bearer token or an X-Api-Key.'
    : `Loading into "${dataset.name}" needs the role engineer or admin, or a grant with the right ingest.`;
  throw new HeadgateError(code, message, { dataset: dataset.name });
}

function uploadOf(request: FastifyRequest, { name: dataset }: Dataset): Upload {
  const query = request.query as Query;
  for (const parameter of Object.keys(query)) {
    if (!PARAMETERS.includes(parameter)) throw bad(parameter, `unknown parameter; known: ${PARAMETERS.join(', ')}`);
  }
  const { mode = 'append', format } = query;
  if (!isMode(mode)) throw bad('mode', `expected ${LOAD_MODES.join(', ')}`);
  const force = flag(query, 'force') ?? false;
  if (Array.isArray(format)) throw bad('format', 'expected one format');
  const { 'idempotency-key': key, 'content-length': length, 'content-type': contentType, 'content-encoding': contentEncoding } = request.headers;
  if (key !== undefined && (typeof key !== 'string' || key.length === 0 || key.length > LONGEST_KEY))
    throw bad('Idempotency-Key', `expected 1 to ${LONGEST_KEY} characters`);
  // Whoever is done with it destroys it; the request itself would take its socket along, and the answer with it.
  const stream = request.body instanceof Readable ? Readable.from(request.body.iterator({ destroyOnReturn: false })) : Readable.from([]);
  const url = one(query, 'url');
  if (url !== undefined && !/^https?:\/\//i.test(url)) throw bad('url', 'expected a URL that begins with http:// or https://');
  return {
    dataset,
    source: sourceOf(stream, { url, contentType, length }),
    mode,
    force,
    dialect: dialectRequest({
      delimiter: one(query, 'delimiter'),
      quote: one(query, 'quote'),
      encoding: one(query, 'encoding'),
      header: flag(query, 'header'),
      decimal: one(query, 'decimal'),
      detect: flag(query, 'detect'),
    }),
    ...(format !== undefined && { format }),
    ...(contentEncoding !== undefined && { contentEncoding }),
    ...(key !== undefined && { idempotencyKey: key }),
  };
}

/** The body is the file, or a form with several; of a URL there is none. */
function sourceOf(
  stream: Readable,
  { url, contentType, length }: { url: string | undefined; contentType: string | undefined; length: string | undefined },
): Upload['source'] {
  if (url !== undefined) return { url };
  if (contentType !== undefined && /^multipart\/form-data\b/i.test(contentType)) return { files: uploadedFiles(stream, contentType) };
  return { stream, ...(length !== undefined && { size: Number(length) }), ...(contentType !== undefined && { contentType }) };
}

type Query = Readonly<Record<string, string | string[]>>;

function one(query: Query, name: string): string | undefined {
  const value = query[name];
  if (Array.isArray(value)) throw bad(name, 'expected one value');
  return value;
}

function flag(query: Query, name: string): boolean | undefined {
  const value = one(query, name);
  if (value !== undefined && value !== 'true' && value !== 'false') throw bad(name, 'expected true or false');
  return value === undefined ? undefined : value === 'true';
}

/** @throws HeadgateError BAD_USER_INPUT for what is neither */
function isDryRun({ query }: FastifyRequest): boolean {
  return flag(query as Query, 'dryRun') ?? false;
}

function isMode(mode: string | string[]): mode is LoadMode {
  return (LOAD_MODES as readonly unknown[]).includes(mode);
}

function bad(name: string, expected: string): HeadgateError {
  return new HeadgateError('BAD_USER_INPUT', `${name}: ${expected}.`, { path: name });
}
