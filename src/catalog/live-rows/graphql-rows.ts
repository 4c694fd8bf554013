import { parseType } from 'graphql';
import { z } from 'zod';
import { Name } from '../field-spec.js';
import { filtersOf, Limits, Rows } from './parts.js';

/** Those with two underscores are GraphQL's own. */
const NAME = '(?!__)[_A-Za-z][_0-9A-Za-z]{0,99}';
const FieldName = z.string().regex(new RegExp(`^${NAME}$`), 'expected the name of a GraphQL field');
/** Of fields, one inside the other: `pageInfo.endCursor`. */
const FieldPath = z.string().regex(new RegExp(`^${NAME}(\\.${NAME}){0,9}$`), 'expected a field, or several with dots between them for one inside another');
/** An argument, and where in it a value stands: `where.country.eq`. */
const ArgumentPath = z.string().regex(new RegExp(`^${NAME}(\\.${NAME}){0,9}$`), 'expected an argument, or one with members behind dots: where.country.eq');

const TypeText = z.string().refine((text) => isType(text), { error: "expected a GraphQL type as the API has it, such as 'Int!', '[ID!]' or CustomerWhere" });

function isType(text: string): boolean {
  try {
    parseType(text, { noLocation: true, maxTokens: 20 } as object);
    return text.length <= 200;
  } catch {
    return false;
  }
}

/** The arguments that are given, each with its type, since variables have one. */
const Arguments = z.record(FieldName, TypeText);
const Constants = z.record(FieldName, z.json());

const Size = z.strictObject({ argument: FieldName, rows: Rows });
const Pages = z.discriminatedUnion('by', [
  z.strictObject({ by: z.literal('page'), argument: FieldName, first: z.int().min(0).max(1).optional(), size: Size.optional() }),
  z.strictObject({ by: z.literal('offset'), argument: FieldName, size: Size.optional() }),
  z.strictObject({ by: z.literal('cursor'), argument: FieldName, next: FieldPath.optional(), more: FieldPath.optional(), size: Size.optional() }),
]);

/** How the rows of a dataset are had from another GraphQL API. */
export const GraphqlRowsShape = z.strictObject({
  list: z
    .strictObject({
      field: FieldName,
      items: FieldPath.optional(),
      count: FieldPath.optional(),
      arguments: Arguments.optional(),
      constants: Constants.optional(),
      filters: filtersOf(ArgumentPath).optional(),
      pages: Pages.optional(),
      order: z.strictObject({ argument: FieldName, by: z.record(Name, z.strictObject({ asc: z.json().optional(), desc: z.json().optional() })) }).optional(),
    })
    .optional(),
  get: z.strictObject({ field: FieldName, arguments: Arguments, keys: z.record(Name, ArgumentPath), item: FieldPath.optional() }).optional(),
  batch: z
    .strictObject({
      field: FieldName,
      items: FieldPath.optional(),
      argument: ArgumentPath,
      arguments: Arguments,
      constants: Constants.optional(),
      max: z.int().min(1).max(1_000).optional(),
    })
    .optional(),
  limits: Limits.optional(),
});
