import { readdir, readFile } from 'node:fs/promises';
import { buildClientSchema, getIntrospectionQuery, type GraphQLSchema, type IntrospectionQuery } from 'graphql';
import type { Served } from './served.js';

const DEMO = new URL('../../examples/demo/', import.meta.url);

/** Applies the demo's manifests, without its data. @param admin a token */
export async function applyDemo(served: Served, admin: string): Promise<void> {
  const names = (await readdir(DEMO)).filter((name) => name.endsWith('.yaml')).toSorted();
  const manifest = (await Promise.all(names.map((name) => readFile(new URL(name, DEMO), 'utf8')))).join('\n---\n');
  const { errors } = await served.ask(admin, 'mutation ($manifest: String!) { applyManifest(manifest: $manifest) { __typename } }', { manifest });
  if (errors) throw new Error(JSON.stringify(errors));
}

/** The schema as a tool gets it: by introspection over HTTP, with everything that it can say. */
export async function introspected(served: Served, token: string | null): Promise<GraphQLSchema> {
  const query = getIntrospectionQuery({ specifiedByUrl: true, oneOf: true, inputValueDeprecation: true, directiveIsRepeatable: true, schemaDescription: true });
  const { data, errors } = await served.ask<IntrospectionQuery>(token, query);
  if (errors) throw new Error(JSON.stringify(errors));
  return buildClientSchema(data);
}
