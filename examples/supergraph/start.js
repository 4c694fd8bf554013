// Starts the small subgraph and the gateway in front of it and of Headgate. See README.md.
import { startNotes } from './notes.js';
import { compose, schemaOf, startGateway } from './supergraph.js';

const { HEADGATE_URL = 'http://127.0.0.1:4000', GATEWAY_TOKEN, PORT = '4100' } = process.env;

const headgate = `${HEADGATE_URL}/graphql`;
const notes = await startNotes();
const supergraph = compose([
  { name: 'headgate', url: headgate, sdl: await schemaOf(headgate, GATEWAY_TOKEN) },
  { name: 'notes', url: notes.url, sdl: await schemaOf(notes.url) },
]);
const gateway = await startGateway(supergraph, Number(PORT));
console.log(`The supergraph is at ${gateway.url}`);

const stop = async () => {
  await gateway.stop();
  await notes.stop();
};
process.once('SIGINT', stop).once('SIGTERM', stop);
