import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { printSchema } from 'graphql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { applyDemo, introspected } from '../support/demo-schema.js';
import { Served } from '../support/served.js';

/** relay-compiler reads our schema and takes our connections for what it calls one. */
const compiler = createRequire(import.meta.url).resolve('relay-compiler/cli.js');
const run = promisify(execFile);

let served: Served;
let folder: string;

beforeAll(async () => {
  served = await Served.start();
  await applyDemo(served, await served.token('admin', ['admin']));
  folder = await mkdtemp(join(tmpdir(), 'headgate-relay-'));
  await mkdir(join(folder, 'src'));
  await writeFile(join(folder, 'schema.graphql'), printSchema(await introspected(served, await served.token('analyst', ['analyst']))));
  await writeFile(
    join(folder, 'relay.config.json'),
    JSON.stringify({ src: './src', schema: './schema.graphql', language: 'typescript', eagerEsModules: true }),
  );
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await served?.close();
});

const compile = async (document: string) => {
  await writeFile(
    join(folder, 'src', 'Page.ts'),
    `import { graphql } from 'react-relay';\n${document
      .split('---')
      .map((part) => `graphql\`${part}\`;`)
      .join('\n')}\n`,
  );
  return run(process.execPath, [compiler, 'relay.config.json', '--repersist'], { cwd: folder, timeout: 60_000 });
};

test('connections at the root and in rows are paged by @connection and @refetchable', async () => {
  await compile(`
    query PageQuery($where: FlightWhere) {
      ...Page_flights
      airports(first: 3) { nodes { iata ...Page_departures } aggregate { count } }
    }
    ---
    fragment Page_flights on Query @refetchable(queryName: "PageMoreQuery") @argumentDefinitions(count: { type: "Int", defaultValue: 10 }, cursor: { type: "String" }) {
      flights(first: $count, after: $cursor, where: $where, orderBy: [{ date: ASC }]) @connection(key: "Page_flights") {
        edges { node { id date delay originAirport { iata city } } }
      }
    }
    ---
    fragment Page_departures on Airport {
      departures(first: 5) @connection(key: "Page_departures") { edges { node { id date } } }
    }`);
  const artifact = await readFile(join(folder, 'src', '__generated__', 'Page_flights.graphql.ts'), 'utf8');
  // What it adds to a connection by itself: the cursor, __typename, and the page's end.
  for (const added of ['"cursor"', '"__typename"', '"endCursor"', '"hasNextPage"']) expect(artifact).toContain(added);
});

test('what is no connection is found to be none, so that the test above says something', async () => {
  await expect(compile('query PageQuery { me @connection(key: "Page_me") { subject } }')).rejects.toThrow();
});
