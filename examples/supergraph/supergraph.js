// Composes subgraphs, and serves what comes of it.
import { composeServices } from '@apollo/composition';
import { ApolloGateway, RemoteGraphQLDataSource } from '@apollo/gateway';
import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import { parse } from 'graphql';

/** Headers that say who asks, and what for. */
const CREDENTIALS = ['authorization', 'x-api-key', 'x-purpose'];

/** The schema of a subgraph, as the holder of the token may know it. */
export async function schemaOf(url, token) {
  const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query: '{ _service { sdl } }' }) });
  const { data, errors } = await response.json();
  if (!data) throw new Error(`${url}: ${errors?.[0]?.message ?? response.status}`);
  return data._service.sdl;
}

/** @param {{ name: string, url: string, sdl: string }[]} subgraphs */
export function compose(subgraphs) {
  const { supergraphSdl, errors } = composeServices(subgraphs.map(({ name, url, sdl }) => ({ name, url, typeDefs: parse(sdl) })));
  if (!supergraphSdl) throw new Error(errors.map(({ message }) => message).join('\n'));
  return supergraphSdl;
}

/**
 * The gateway passes on the credentials of whoever asks, to every subgraph. So Headgate sees the person and not the
 * gateway: masks, row filters and refusals are theirs, and so is the entry in the audit.
 */
export async function startGateway(supergraphSdl, port = 4100) {
  const gateway = new ApolloGateway({
    supergraphSdl,
    buildService: ({ url }) =>
      new RemoteGraphQLDataSource({
        url,
        willSendRequest: ({ request, context }) => {
          for (const [name, value] of Object.entries(context.credentials ?? {})) request.http?.headers.set(name, value);
        },
      }),
  });
  const server = new ApolloServer({ gateway, introspection: true, includeStacktraceInErrorResponses: false, stopOnTerminationSignals: false });
  const { url } = await startStandaloneServer(server, {
    listen: { port, host: '127.0.0.1' },
    context: async ({ req }) => ({ credentials: Object.fromEntries(CREDENTIALS.flatMap((name) => (req.headers[name] ? [[name, req.headers[name]]] : []))) }),
  });
  return { url, stop: () => server.stop() };
}
