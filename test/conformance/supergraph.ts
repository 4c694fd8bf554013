import { composeServices } from '@apollo/composition';
import { ApolloGateway } from '@apollo/gateway';
import { ApolloServer } from '@apollo/server';
import type { GatewayInterface } from '@apollo/server-gateway-interface';
import { startStandaloneServer } from '@apollo/server/standalone';
import { parse } from 'graphql';

export interface Subgraph {
  readonly name: string;
  readonly url: string;
  readonly sdl: string;
}

/** Subgraphs, composed as Apollo composes them. @throws Error with all that does not fit. */
export function compose(subgraphs: readonly Subgraph[]): string {
  const { supergraphSdl, errors } = composeServices(subgraphs.map(({ name, url, sdl }) => ({ name, url, typeDefs: parse(sdl) })));
  if (supergraphSdl === undefined) throw new Error(errors?.map(({ message }) => message).join('\n'));
  return supergraphSdl;
}

/** Apollo's gateway over HTTP. */
export async function serveSupergraph(supergraphSdl: string): Promise<{ readonly url: string; close(): Promise<void> }> {
  const gateway = new ApolloGateway({ supergraphSdl, logger: { debug: () => {}, info: () => {}, warn: console.warn, error: console.error } });
  // The gateway declares an older version of the interface.
  const server = new ApolloServer({ gateway: gateway as unknown as GatewayInterface, stopOnTerminationSignals: false });
  const { url } = await startStandaloneServer(server, { listen: { port: 0 } });
  return { url, close: () => server.stop() };
}
