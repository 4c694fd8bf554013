import { ApolloServerPluginInlineTrace } from '@apollo/server/plugin/inlineTrace';
import Fastify from 'fastify';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { Introspections } from '../../src/graphql/dataplane/introspections.js';
import { afterAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/index.js';
import type { RequestContext, World } from '../../src/graphql/index.js';
import { View } from '../../src/graphql/dataplane/view.js';
import type { Views } from '../../src/graphql/views.js';
import { graphqlRoute } from '../../src/http/graphql-route.js';
import { ANONYMOUS } from '../../src/identity/index.js';
import { silentLog } from '../../src/kernel/index.js';
import { BundledSubgraph } from './bundled-subgraph.js';
import { productsSubgraph } from './products.js';
import { compose, serveSupergraph } from './supergraph.js';

/**
 * Apollo's subgraph compatibility suite: its own test files, as they are published, against its products schema, which is
 * served by our server and our HTTP route and made a subgraph by what makes the data plane one; against its two other
 * subgraphs, as they are published; and against Apollo's gateway, where the suite would start a router in a container.
 */
const require = createRequire(import.meta.url);
const SUITE = dirname(require.resolve('@apollo/federation-subgraph-compatibility-tests/package.json'));
const inSuite = (path: string): string => join(SUITE, path);

const opened: { close(): Promise<unknown> }[] = [];
afterAll(async () => {
  for (const one of opened.toReversed()) await one.close();
});

/** Tests are declared when this file is loaded, and the suite's need to know by then where to ask. */
const sdl = readFileSync(inSuite('products.graphql'), 'utf8');
const products = await serveProducts(sdl);
const [users, inventory] = await Promise.all([
  BundledSubgraph.start(inSuite('dist/subgraphs/users'), 'USERS_PORT'),
  BundledSubgraph.start(inSuite('dist/subgraphs/inventory'), 'INVENTORY_PORT'),
]);
opened.push(users, inventory);
const supergraph = await serveSupergraph(
  compose([
    { name: 'products', url: products, sdl: await sdlOf(products) },
    { name: 'users', url: users.url, sdl: readFileSync(inSuite('dist/subgraphs/users/users.graphql'), 'utf8') },
    { name: 'inventory', url: inventory.url, sdl: readFileSync(inSuite('dist/subgraphs/inventory/inventory.graphql'), 'utf8') },
  ]),
);
opened.push(supergraph);

const declared = new Set<string>();
const noted =
  (declare: (name: string, body: () => void) => void) =>
  (name: string, body: () => void): void => {
    declared.add(name);
    declare(name, body);
  };
// It is written for jest, whose names are global.
Object.assign(globalThis, { describe: noted(describe), test: noted(test), it: test, expect });
process.env['PRODUCTS_URL'] = products;
Object.assign(require(inSuite('dist/utils/client.js')) as object, { ROUTER_URL: supergraph.url });
for (const file of readdirSync(inSuite('dist/tests'))) if (file.endsWith('.test.js')) require(inSuite(`dist/tests/${file}`));

test('every line of the suite was run', () => {
  const { TESTS } = require(inSuite('dist/testRunner.js')) as { TESTS: readonly { assertion: string }[] };
  expect(TESTS.length).toBe(15);
  expect([...declared]).toEqual(expect.arrayContaining(TESTS.map(({ assertion }) => assertion)));
});

async function serveProducts(text: string): Promise<string> {
  const schema = productsSubgraph(text);
  const { limits } = loadConfig({});
  const none = { roots: new Map(), changes: new Map(), types: new Map(), entities: new Map() };
  const view = await View.start({
    schemas: {
      catalog: { version: '1', datasets: new Map(), purposes: new Map(), sources: new Map() },
      plane: none,
      api: schema,
      execution: schema,
      introspections: new Introspections(schema),
    },
    limits,
    log: silentLog,
    planCounts: { hits: 0, misses: 0, evictions: 0 },
    // Headgate tells nobody how long each part of an answer took; the suite asks a subgraph to.
    trace: ApolloServerPluginInlineTrace(),
  });
  const app = Fastify();
  graphqlRoute(app, {
    authenticator: { authenticate: async () => ANONYMOUS },
    audit: { record: async () => undefined },
    gate: { pass: () => undefined, admit: async () => undefined, refuseCredential: async () => undefined },
    world: () => ({}) as World,
    views: { current: async () => ({ world: {}, view }) } as unknown as Views,
    contextOf: () => ({ reads: { errors: [], masked: [], entityRoots: new Set() }, admitIntrospection: async () => undefined }) as unknown as RequestContext,
    maxRequestBytes: limits.maxRequestBytes,
    log: silentLog,
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  opened.push({ close: () => view.retire() }, { close: () => app.close() });
  return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/graphql`;
}

async function sdlOf(url: string): Promise<string> {
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"query":"{ _service { sdl } }"}' });
  return ((await response.json()) as { data: { _service: { sdl: string } } }).data._service.sdl;
}
