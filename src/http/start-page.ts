import type { FastifyInstance } from 'fastify';
import { page } from './page.js';

const ROUTES = [
  ['<a href="/graphql">/graphql</a>', 'The GraphQL API. A browser gets GraphiQL here.'],
  ['<code>POST /ingest/{dataset}</code>', 'Loads a file: CSV, NDJSON, JSON or Parquet, gzip and zstd too. Answers when it is committed.'],
  ['<code>GET /export/{dataset}</code>', 'A dataset, or a part of it, as a file: CSV, NDJSON, JSON or Parquet.'],
  ['<code>GET, POST /manifests</code>', 'What is declared, as YAML; and applying more.'],
  ['<code>GET /subjects/exports/{id}</code>', 'What is known of a person, as an archive.'],
  ['<code>GET /audit/export</code>, <code>GET /audit/proof</code>, <code>POST /audit/verify</code>', 'The record, and the proof that nobody changed it.'],
  ['<a href="/healthz">/healthz</a>, <a href="/readyz">/readyz</a>', 'Alive; may take traffic.'],
  ['<a href="/metrics">/metrics</a>', 'Numbers for Prometheus.'],
];

const START = page(
  'Headgate',
  `<p>A governed data-access gateway. This one is running: <a href="/graphql">open GraphiQL</a>, put a bearer token into its headers, and ask for <code>{ me { sub roles } }</code>.</p>
<table>${ROUTES.map(([route, what]) => `<tr><td>${route}</td><td>${what}</td></tr>`).join('')}</table>
<p>The manual is the folder <code>docs/</code> of the program. Credentials: <code>Authorization: Bearer TOKEN</code> or <code>X-Api-Key</code>; a purpose: <code>X-Purpose</code>.</p>`,
);

export function startPage(app: FastifyInstance): void {
  app.get('/', async (_request, reply) =>
    reply
      .header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
      .type('text/html; charset=utf-8')
      .send(START),
  );
}
