import { z } from 'zod';
import { isName } from '../sql/index.js';
import { SCALAR_TYPES, type ScalarType } from './model.js';
import { didYouMean } from './suggest.js';

/** A key that the language of manifests has and this version does not: refused, since ignoring it would promise what does not happen. */
export function notYet(what: string) {
  return z.never({ error: () => `${what} is not supported by this version; leave it out` }).optional();
}

export const Text = z.string().min(1).max(10_000);

/** A name that is also a column's, a table's or a GraphQL field's. */
export const Name = z.string().refine(isName, {
  error: 'expected a name of lower-case letters, digits and single underscores between them, a letter first, at most 50 characters',
});

/** A name at a source, where all are allowed that PostgreSQL allows. */
export const RemoteName = z.string().refine((text) => isRemoteName(text), { error: 'expected a name of 1 to 63 bytes, as the source has it' });

export function isRemoteName(text: string): boolean {
  return text !== '' && !text.includes('\0') && Buffer.byteLength(text) <= 63;
}

const LONGEST_ALIAS = 200;

/** What a column, or a member of a JSON object, may be called: without spaces around, since those of a CSV header are left out. */
const Alias = z.string().refine((text) => text !== '' && text.length <= LONGEST_ALIAS && text === text.trim() && !/\p{Cc}/u.test(text) && text.isWellFormed(), {
  error: `expected the name of a column in a file: 1 to ${LONGEST_ALIAS} characters, without spaces around or control characters`,
});

const SeverityKey = z.enum(['warn', 'error']).optional();
/** Bounds and members are kept as texts in the field's type. */
const Value = z.union([z.string().max(10_000), z.number(), z.boolean()]).transform(String);
const Count = z.int().min(0).max(1_000_000_000);

const RULE_KINDS = ['unique', 'matches', 'between', 'in', 'length', 'references'] as const;

export const FieldRuleShape = z
  .strictObject({
    unique: z.literal(true).optional(),
    matches: z.string().min(1).max(1_000).optional(),
    between: z.tuple([Value, Value], { error: 'expected two bounds: between: [low, high]' }).optional(),
    in: z.array(Value).min(1).max(1_000).optional(),
    length: z.tuple([Count, Count], { error: 'expected two whole numbers: length: [fewest, most]' }).optional(),
    references: z
      .string()
      .refine((text) => text.split('.').length === 2 && text.split('.').every(isName), { error: 'expected dataset.field, such as airports.iata' })
      .optional(),
    severity: SeverityKey,
  })
  .superRefine((rule, issues) => {
    const kinds = RULE_KINDS.filter((kind) => rule[kind] !== undefined);
    if (kinds.length !== 1) {
      const message = kinds.length === 0 ? `a rule is one of ${RULE_KINDS.join(', ')}` : `${kinds.join(' and ')} are two rules: give each its own "- "`;
      issues.addIssue({ code: 'custom', message });
    }
    if (rule.length && rule.length[0] > rule.length[1]) issues.addIssue({ code: 'custom', path: ['length'], message: 'the fewest are more than the most' });
  });
export type FieldRuleShape = z.infer<typeof FieldRuleShape>;

const TYPES = SCALAR_TYPES.flatMap((type) => [type, `${type}[]` as const]);

/** Names that other systems use for our types. */
const OTHER_TYPES: Readonly<Record<string, ScalarType>> = {
  string: 'text',
  varchar: 'text',
  char: 'text',
  int: 'integer',
  int4: 'integer',
  smallint: 'integer',
  int8: 'bigint',
  long: 'bigint',
  number: 'decimal',
  numeric: 'decimal',
  double: 'float',
  real: 'float',
  float8: 'float',
  bool: 'boolean',
  datetime: 'timestamp',
  timestamptz: 'timestamp',
  jsonb: 'json',
  object: 'json',
};

const Type = z.enum(TYPES, {
  error: ({ input }) => {
    const known = `expected one of ${SCALAR_TYPES.join(', ')}, each also as a list (text[])`;
    if (typeof input !== 'string') return input === undefined ? `this is missing; ${known}` : known;
    const other = OTHER_TYPES[input.toLowerCase()];
    return `unknown type "${input.slice(0, 50)}"; ${known}.${other ? ` Did you mean "${other}"?` : didYouMean(input, TYPES)}`;
  },
});

export const Tag = z
  .string()
  .regex(
    /^[a-z][a-z0-9_-]{0,49}(\.[a-z0-9_-]{1,50}){0,5}$/,
    'expected a tag such as pii or pii.email: lower-case letters, digits, _ and -, parts with dots between them',
  );

export const FieldShape = z.strictObject({
  name: Name,
  type: Type,
  required: z.boolean().optional(),
  description: Text.optional(),
  deprecated: Text.optional(),
  tags: z.array(Tag).max(50).optional(),
  visibility: z.enum(['listed', 'secret']).optional(),
  shareable: z.boolean().optional(),
  format: Text.optional(),
  rules: z.array(FieldRuleShape).max(50).optional(),
  column: RemoteName.optional(),
  aliases: z.array(Alias).max(50).optional(),
  default: Value.optional(),
  encrypted: z.boolean().optional(),
});
export type FieldShape = z.infer<typeof FieldShape>;
