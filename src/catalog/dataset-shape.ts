import { z } from 'zod';
import { parseDuration } from './duration.js';
import { FieldShape, Name, notYet, Text } from './field-spec.js';
import { parseTableName } from './table-name.js';

const Names = z.array(Name).min(1).max(32);

const RelationShape = z.strictObject({
  name: Name,
  to: Name,
  on: z
    .record(z.string(), Name)
    .refine((on) => Object.keys(on).length > 0, { error: 'expected pairs of a field here and the field there: on: { id: passenger_id }' }),
  many: z.boolean().optional(),
  description: Text.optional(),
});
export type RelationShape = z.infer<typeof RelationShape>;

const RULE_KINDS = ['check', 'unique', 'rowCount'] as const;
const Rows = z.int().min(0);

const DatasetRuleShape = z
  .strictObject({
    name: Name,
    check: Text.optional(),
    unique: Names.optional(),
    rowCount: z
      .strictObject({ min: Rows.optional(), max: Rows.optional() })
      .refine(({ min, max }) => (min ?? max) !== undefined && (min ?? 0) <= (max ?? Infinity), { error: 'expected min, max or both, and min not above max' })
      .optional(),
    severity: z.enum(['warn', 'error']).optional(),
  })
  .superRefine((rule, issues) => {
    const kinds = RULE_KINDS.filter((kind) => rule[kind] !== undefined);
    if (kinds.length !== 1) issues.addIssue({ code: 'custom', message: `expected exactly one of ${RULE_KINDS.join(', ')}` });
  });

/** Of an answer in the cache, in seconds. */
const LONGEST_TTL = 86_400;

const QUARANTINE = 'expected a number of rows, such as 100, or a share of them, such as 1%';

/** The keys of a `Dataset` document and the form of each; what they mean together is checked after. */
export const DatasetShape = z.strictObject({
  name: Name,
  typeName: z
    .string()
    .regex(/^[A-Z][A-Za-z0-9]{0,99}$/, 'expected a GraphQL type name in PascalCase: a capital letter first, then letters and digits')
    .optional(),
  description: Text.optional(),
  owner: Text.optional(),
  visibility: z.enum(['listed', 'secret']).optional(),
  shareable: z.boolean().optional(),
  fields: z.array(FieldShape).min(1).max(1_000),
  key: Names.optional(),
  subject: Name.optional(),
  onErase: z.enum(['delete', 'nullify']).optional(),
  relations: z.array(RelationShape).max(200).optional(),
  indexes: z.array(Names).max(50).optional(),
  rules: z.array(DatasetRuleShape).max(200).optional(),
  drift: z
    .enum(['evolve', 'freeze', 'quarantine'], { error: 'expected what becomes of columns that the contract does not have: evolve, freeze or quarantine' })
    .optional(),
  quarantine: z
    .strictObject({ keep: z.string().refine((text) => parseDuration(text) !== undefined, { error: 'expected a duration such as 12h, 30d or 365d' }) })
    .optional(),
  maxQuarantine: z.union([Rows, z.string().regex(/^(100(\.0+)?|\d{1,2}(\.\d{1,6})?)%$/, QUARANTINE)], { error: QUARANTINE }).optional(),
  freshness: z
    .strictObject({
      field: Name,
      within: z.string().refine((text) => parseDuration(text) !== undefined, { error: 'expected a duration such as 30m, 24h or 7d' }),
    })
    .optional(),
  consent: z.strictObject({ purposes: z.array(z.string().min(1)).min(1).max(100) }).optional(),
  cache: z
    .strictObject({
      ttl: z
        .string()
        .refine((text) => (parseDuration(text) ?? Infinity) <= LONGEST_TTL, { error: 'expected a duration of at most a day, such as 60s, 5m or 1h' }),
    })
    .optional(),
  retention: notYet('retention'),
  source: Name.optional(),
  table: z
    .string()
    .refine((text) => parseTableName(text) !== undefined, {
      error:
        'expected schema.table as the source has them, such as billing.invoices; a name with a dot or a quote in it stands in double quotes: billing."In.voices"',
    })
    .optional(),
});
export type DatasetShape = z.infer<typeof DatasetShape>;
