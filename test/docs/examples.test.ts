import { readdir, readFile } from 'node:fs/promises';
import { parse, validate, type GraphQLSchema } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  applyManifests,
  catalogEntities,
  classificationKind,
  datasetKind,
  legalHoldKind,
  loadCatalog,
  parseManifests,
  purposeKind,
  sourceKind,
  type ManifestKind,
} from '../../src/catalog/index.js';
import { AccessGrantEntity, ChangePolicyEntity, changePolicyKind, grantKind } from '../../src/governance/index.js';
import { bareControlSchema } from '../../src/graphql/control/schema.js';
import { buildSchemas } from '../../src/graphql/dataplane/schemas.js';
import { CollectorEntity, collectorKind } from '../../src/ingestion/index.js';
import { PipelineEntity, pipelineKind } from '../../src/processing/index.js';
import { prepareParser } from '../../src/sql/index.js';
import { Database } from '../../src/store/index.js';
import { createTestDatabase } from '../support/database.js';
import { fenced, manual } from './manual.js';

const kinds = [
  purposeKind,
  sourceKind,
  classificationKind,
  datasetKind,
  pipelineKind,
  collectorKind,
  grantKind,
  legalHoldKind,
  changePolicyKind,
] as unknown as readonly ManifestKind[];
const DEMO = 'examples/demo/';

const pages = await Promise.all(
  ['README.md', ...(await readdir(manual('docs/'))).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)].map(async (page) => ({
    page,
    text: await readFile(manual(page), 'utf8').catch(() => ''),
  })),
);
const manifests = pages
  .flatMap(({ page, text }) => fenced(text, 'yaml').map((yaml, i) => ({ page, number: i + 1, yaml })))
  .filter(({ yaml }) => /^kind:/m.test(yaml));
const queries = pages.flatMap(({ page, text }) => fenced(text, 'graphql').map((query, i) => ({ page, number: i + 1, query })));

beforeAll(() => prepareParser());

test('there are examples to look at', () => {
  expect(manifests.length).toBeGreaterThan(5);
  expect(queries.length).toBeGreaterThan(10);
});

test.each(manifests)('manifest $number of $page is one', ({ page, yaml }) => {
  expect(parseManifests([{ file: page, text: yaml }], kinds).length).toBeGreaterThan(0);
});

describe('over the demo', () => {
  let schema: GraphQLSchema;
  let close: () => Promise<void>;

  beforeAll(async () => {
    const { connection, drop } = await createTestDatabase();
    const database = await Database.open({
      connection,
      entities: [...catalogEntities, AccessGrantEntity, ChangePolicyEntity, PipelineEntity, CollectorEntity],
      statementTimeoutMs: 10_000,
    });
    close = async () => {
      await database.close();
      await drop();
    };
    const names = (await readdir(manual(DEMO))).filter((name) => name.endsWith('.yaml'));
    const files = await Promise.all(names.map(async (file) => ({ file, text: await readFile(manual(DEMO + file), 'utf8') })));
    const audit = { recordIn: async () => undefined };
    await applyManifests({ database, kinds, audit, actor: { subject: 'test', roles: ['admin'] }, documents: parseManifests(files, kinds) });
    const catalog = await database.transaction(loadCatalog);
    ({ api: schema } = buildSchemas(catalog, bareControlSchema(), () => null, { defaultPage: 50 }));
  });
  afterAll(() => close?.());

  test.each(queries)('query $number of $page is valid', ({ query }) => {
    expect(validate(schema, parse(query)).map(({ message }) => message)).toEqual([]);
  });
});

test.each(pages)('the links of $page lead to something', async ({ page, text }) => {
  const anchors = (markdown: string) =>
    new Set(
      [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
        heading
          .toLowerCase()
          .replace(/[^\w\- ]/g, '')
          .replaceAll(' ', '-'),
      ),
    );
  for (const [link, target = '', anchor] of text.matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)]*))?\)/g)) {
    const there = target === '' ? text : await readFile(new URL(target, manual(page)), 'utf8').catch(() => undefined);
    expect(there, `${link} in ${page}`).toBeDefined();
    if (anchor && there !== undefined) expect(anchors(there), `${link} in ${page}`).toContain(anchor);
  }
});
