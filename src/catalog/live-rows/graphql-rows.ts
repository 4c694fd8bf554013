import { parseType } from 'graphql';
import { z } from 'zod';
import { placeKeys } from '../../kernel/index.js';
import { Name } from '../field-spec.js';
import { graphqlPages } from '../pages.js';
import { filtersOf, Limits } from './parts.js';

/** Those with two underscores are GraphQL's own. */
const NAME = '(?!__)[_A-Za-z][_0-9A-Za-z]{0,99}';
const FieldName = z.string().regex(new RegExp(`^${NAME}$`), 'expected the name of a GraphQL field');
/** To a field, one inside the other: `/pageInfo/endCursor`. */
const FieldPointer = z
  .string()
  .regex(new RegExp(`^(/${NAME}){1,10}$`), 'expected a JSON pointer to a field of the answer, such as /nodes or /pageInfo/endCursor');
/** An argument, or where in one a value stands: `/where/country/eq`. */
const ArgumentPlace = z
  .string()
  .regex(new RegExp(`^(${NAME}|(/${NAME}){1,10})$`), 'expected an argument, or a JSON pointer to a member of one: /where/country/eq')
  .transform((place) => (placeKeys(place).length === 1 ? place.replace('/', '') : place));

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

/** How the rows of a dataset are had from another GraphQL API. */
export const GraphqlRowsShape = z.strictObject({
  list: z
    .strictObject({
      field: FieldName,
      items: FieldPointer.optional(),
      item: FieldPointer.optional(),
      count: FieldPointer.optional(),
      arguments: Arguments.optional(),
      constants: Constants.optional(),
      filters: filtersOf(ArgumentPlace).optional(),
      pages: graphqlPages('argument', FieldName, FieldPointer).optional(),
      order: z.strictObject({ argument: FieldName, by: z.record(Name, z.strictObject({ asc: z.json().optional(), desc: z.json().optional() })) }).optional(),
    })
    .optional(),
  get: z.strictObject({ field: FieldName, arguments: Arguments, keys: z.record(Name, ArgumentPlace), item: FieldPointer.optional() }).optional(),
  batch: z
    .strictObject({
      field: FieldName,
      items: FieldPointer.optional(),
      item: FieldPointer.optional(),
      argument: ArgumentPlace,
      arguments: Arguments,
      constants: Constants.optional(),
      max: z.int().min(1).max(1_000).optional(),
    })
    .optional(),
  limits: Limits.optional(),
});
