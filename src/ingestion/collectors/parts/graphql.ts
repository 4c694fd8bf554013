import { Kind, parse, type DocumentNode, type OperationDefinitionNode } from 'graphql';
import { z } from 'zod';
import { MostPages } from './most-pages.js';
import type { CollectorPart } from './part.js';
import { Pointer } from './pointer.js';
import { Since } from './since.js';
import { checkSince, SINCE_IDENTITY } from './since-check.js';

const Variable = z.string().regex(/^[_A-Za-z][_0-9A-Za-z]*$/, { error: 'expected the name of a variable of the query, without its $' });
const sized = { sizeVariable: Variable.optional(), size: z.int().min(1).max(100_000).optional(), max: MostPages };

/** How a page leads to the next. */
const Pages = z
  .discriminatedUnion(
    'by',
    [
      /** A connection: `pageInfo { hasNextPage endCursor }`. */
      z.strictObject({ by: z.literal('relay'), variable: Variable, pageInfo: Pointer, ...sized }),
      z.strictObject({ by: z.literal('offset'), variable: Variable, total: Pointer.optional(), ...sized }),
    ],
    { error: 'expected by: relay or offset' },
  )
  .refine(({ size, sizeVariable }) => (size === undefined) === (sizeVariable === undefined), {
    error: 'size and sizeVariable say together how many rows a page has; give both or none',
  });

const Query = z
  .string()
  .min(1)
  .max(100_000)
  .refine((text) => operationOf(text) !== undefined, { error: 'expected a GraphQL document with one operation in it, a query' });

const Shape = z.strictObject({
  query: Query,
  variables: z
    .record(Variable, z.unknown())
    .transform((variables): object => variables)
    .optional(),
  /** Where in `data` the rows are. */
  items: Pointer,
  pages: Pages.optional(),
  /** Its parameter is a variable of the query. */
  since: Since.optional(),
  fields: z.record(z.string().min(1).max(100), Pointer).optional(),
  maxBytes: z
    .int()
    .min(1_024)
    .max(512 * 1_024 * 1_024)
    .optional(),
});
export type GraphqlPart = z.output<typeof Shape>;

/** What is asked of another GraphQL API. */
export const graphqlPart: CollectorPart<typeof Shape> = {
  shape: Shape,
  kind: 'pull',
  identity: ['query', 'variables', 'items', ...SINCE_IDENTITY, 'fields'],
  check(part, facts) {
    const { query, pages, since, fields } = part as GraphqlPart;
    const declared = (operationOf(query)?.variableDefinitions ?? []).map(({ variable }) => variable.name.value);
    const used = { pages: [pages?.variable, pages?.sizeVariable], since: [since?.parameter] };
    for (const [key, names] of Object.entries(used)) {
      const missing = names.find((name) => name !== undefined && !declared.includes(name));
      if (missing !== undefined) return { path: [key], message: `the query declares no variable $${missing}` };
    }
    const unknown = Object.keys(fields ?? {}).find((name) => !facts.dataset.fields.some((field) => field.name === name));
    if (unknown !== undefined) return { path: ['fields', unknown], message: `${facts.dataset.name} has no field "${unknown}"` };
    return checkSince(since, facts);
  },
};

/** The one query of a document; undefined when it has another, none, or can't be read. */
function operationOf(text: string): OperationDefinitionNode | undefined {
  let document: DocumentNode;
  try {
    document = parse(text, { noLocation: true, maxTokens: 20_000 });
  } catch {
    return undefined;
  }
  const [operation, ...more] = document.definitions.filter((definition) => definition.kind === Kind.OPERATION_DEFINITION);
  return more.length === 0 && operation?.operation === 'query' ? operation : undefined;
}
