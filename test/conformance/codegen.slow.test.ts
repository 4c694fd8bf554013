import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from '@graphql-codegen/cli';
import { preset } from '@graphql-codegen/client-preset';
import { printSchema } from 'graphql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { applyDemo, introspected } from '../support/demo-schema.js';
import { Served } from '../support/served.js';

/** graphql-codegen makes the types that a frontend's developer expects of our schema. */
let served: Served;
let folder: string;

beforeAll(async () => {
  served = await Served.start();
  await applyDemo(served, await served.token('admin', ['admin']));
  folder = await mkdtemp(join(tmpdir(), 'headgate-codegen-'));
  await mkdir(join(folder, 'src'));
  await writeFile(join(folder, 'schema.graphql'), printSchema(await introspected(served, await served.token('analyst', ['analyst']))));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await served?.close();
});

test('the client preset types operations, fragments and choices', async () => {
  const operation = `
    import { graphql } from './gql/index.js';
    export const Late = graphql(\`
      query Late($where: FlightWhere, $orderBy: [FlightOrderBy!]) {
        flights(first: 10, where: $where, orderBy: $orderBy) {
          nodes { ...Leg distance }
          aggregate { count avg { delay } }
          groupBy(keys: [{ date: MONTH }]) { keys { date } aggregate { count } }
        }
      }
    \`);
    graphql(\`fragment Leg on Flight { id date originAirport { iata } }\`);`;
  await writeFile(join(folder, 'src', 'late.ts'), operation);
  const files = (await generate(
    {
      cwd: folder,
      schema: join(folder, 'schema.graphql'),
      documents: [join(folder, 'src/*.ts')],
      silent: true,
      generates: { [`${join(folder, 'src/gql')}/`]: { preset, presetConfig: { persistedDocuments: true } } },
      config: { scalars: { BigInt: 'string', Decimal: 'string', DateTime: 'string', JSON: 'unknown' } },
    },
    true,
  )) as unknown as { filename: string }[];
  const names = files.map(({ filename }) => filename.replace(`${folder}/src/gql/`, ''));
  expect(names).toEqual(expect.arrayContaining(['graphql.ts', 'gql.ts', 'persisted-documents.json']));
  const types = await readFile(join(folder, 'src/gql/graphql.ts'), 'utf8');
  // An order is exactly one field, and a filter's operators are what they are.
  expect(types).toMatch(/export type FlightOrderBy =\s+\| ?\{|export type FlightOrderBy =\s+\{/);
  expect(types).toContain('export type LateQuery');
  expect(types).toContain('export type FlightWhere');
});
