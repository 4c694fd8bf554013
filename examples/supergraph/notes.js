// A small subgraph beside Headgate: what a team of its own keeps about airports and passengers. It knows of both only
// the key; names, places and the rest stay in Headgate, which decides who sees them.
import { ApolloServer } from '@apollo/server';
import { ApolloServerPluginInlineTraceDisabled } from '@apollo/server/plugin/disabled';
import { startStandaloneServer } from '@apollo/server/standalone';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { parse } from 'graphql';

const typeDefs = parse(`
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])

  "As in Headgate: 64 bits, a string in JSON."
  scalar BigInt

  type Query {
    "The latest ones first."
    reviews: [Review!]!
    "Passengers in the loyalty programme."
    members: [Membership!]!
  }

  type Review @key(fields: "id") { id: ID! stars: Int! text: String! airport: Airport! }
  type Membership { tier: String! miles: Int! passenger: Passenger! }

  type Airport @key(fields: "iata") { iata: String reviews: [Review!]! }
  type Passenger @key(fields: "id") { id: BigInt membership: Membership }
`);

const REVIEWS = [
  { id: '3', iata: 'SFO', stars: 4, text: 'Fog, and good coffee.' },
  { id: '2', iata: 'JFK', stars: 2, text: 'A long way to the gate.' },
  { id: '1', iata: 'SFO', stars: 5, text: 'Quick.' },
];
const MEMBERSHIPS = [
  { passenger: '1', tier: 'gold', miles: 120_000 },
  { passenger: '2', tier: 'silver', miles: 40_000 },
  { passenger: '4', tier: 'blue', miles: 900 },
];

const resolvers = {
  Query: { reviews: () => REVIEWS, members: () => MEMBERSHIPS },
  Review: {
    __resolveReference: ({ id }) => REVIEWS.find((review) => review.id === id),
    airport: ({ iata }) => ({ __typename: 'Airport', iata }),
  },
  Membership: { passenger: ({ passenger }) => ({ __typename: 'Passenger', id: passenger }) },
  Airport: { reviews: ({ iata }) => REVIEWS.filter((review) => review.iata === iata) },
  Passenger: { membership: ({ id }) => MEMBERSHIPS.find(({ passenger }) => passenger === String(id)) },
};

/** @returns {Promise<{ url: string, stop: () => Promise<void> }>} */
export async function startNotes(port = 0) {
  const server = new ApolloServer({
    schema: buildSubgraphSchema([{ typeDefs, resolvers }]),
    plugins: [ApolloServerPluginInlineTraceDisabled()],
    stopOnTerminationSignals: false,
  });
  const { url } = await startStandaloneServer(server, { listen: { port, host: '127.0.0.1' } });
  return { url, stop: () => server.stop() };
}
