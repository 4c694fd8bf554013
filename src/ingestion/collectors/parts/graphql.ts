import { Kind, parse, type DocumentNode, type OperationDefinitionNode } from 'graphql';
import { z } from 'zod';
import { graphqlPages, Pointer } from '../../../catalog/index.js';
import { checkPages, PAGE_KEYS } from './pages.js';
import type { CollectorPart } from './part.js';
import { sinceBy } from './since.js';
import { sinceIdentity } from './since-check.js';

const Variable = z.string().regex(/^[_A-Za-z][_0-9A-Za-z]*$/, { error: 'expected the name of a variable of the query, without its $' });

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
  pages: graphqlPages('variable', Variable, Pointer).optional(),
  since: sinceBy('variable', Variable).optional(),
  ...PAGE_KEYS,
});
export type GraphqlPart = z.output<typeof Shape>;

/** What is asked of another GraphQL API. */
export const graphqlPart: CollectorPart<typeof Shape> = {
  shape: Shape,
  kind: 'pull',
  identity: ['query', 'variables', 'items', ...sinceIdentity('variable'), 'fields', 'rest'],
  check(part, facts) {
    const asked = part as GraphqlPart;
    const { query, pages, since } = asked;
    const declared = (operationOf(query)?.variableDefinitions ?? []).map(({ variable }) => variable.name.value);
    const used = [
      [['pages', 'variable'], pages?.variable],
      [['pages', 'size', 'variable'], pages?.size?.variable],
      [['since', 'variable'], since?.variable],
    ] as const;
    const missing = used.find(([, name]) => name !== undefined && !declared.includes(name));
    if (missing) return { path: missing[0], message: `the query declares no variable $${missing[1]}` };
    return checkPages(asked, facts);
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
