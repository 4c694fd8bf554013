import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { page } from './page.js';

/** Beside the compiled program, or, when the TypeScript runs as it is, where the build puts it. */
const FOLDERS = ['../../graphiql', '../../dist/graphiql'].map((folder) => join(import.meta.dirname, folder));

/** The editor writes its own styles; everything else is ours, and it talks to this server alone. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self' data:; img-src 'self' data:; connect-src 'self'; worker-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** The files of GraphiQL: their names hold their hash. Nothing is served when it was not built. */
export function graphiqlFiles(app: FastifyInstance): void {
  const root = folder();
  if (root === undefined) return;
  app.register(fastifyStatic, {
    root: join(root, 'assets'),
    prefix: '/graphiql/assets/',
    decorateReply: false,
    index: false,
    immutable: true,
    maxAge: '365d',
    // Workers take their own policy from their own file.
    setHeaders: (reply) => void reply.header('content-security-policy', POLICY),
  });
}

/** A browser that came without a query wants the page; a GraphQL client asks for JSON. */
export function wantsGraphiql({ method, headers, query }: FastifyRequest): boolean {
  if (method !== 'GET' || typeof query !== 'object' || query === null || 'query' in query || 'extensions' in query || 'documentId' in query) return false;
  const accept = headers.accept ?? '';
  return accept.includes('text/html') && !accept.includes('application/graphql-response+json');
}

export function sendGraphiql(reply: FastifyReply): FastifyReply {
  const root = folder();
  const html = root === undefined ? NOT_BUILT : readFileSync(join(root, 'index.html'), 'utf8');
  return reply.header('content-security-policy', POLICY).header('cache-control', 'no-cache').type('text/html; charset=utf-8').send(html);
}

function folder(): string | undefined {
  return FOLDERS.find((candidate) => existsSync(join(candidate, 'index.html')));
}

const NOT_BUILT = page('GraphiQL', '<p>GraphiQL is not built yet: run <code>npm run build</code>. The GraphQL API itself is here and answers.</p>');
