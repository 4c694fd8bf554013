import { z } from 'zod';
import { SCALAR_TYPES, Tag } from '../catalog/index.js';
import { ScheduleShape } from '../jobs/index.js';
import { isName } from '../sql/index.js';

const Name = z.string().refine(isName, {
  error: 'expected a name of lower-case letters, digits and single underscores between them, a letter first, at most 50 characters',
});
const Text = z.string().min(1).max(10_000);
const Expression = z.union([z.string().min(1).max(10_000), z.number().transform(String), z.boolean().transform(String)]);
const Expressions = z.record(Name, Expression).refine((map) => Object.keys(map).length > 0, { error: 'expected at least one: name: expression' });
const TYPES = SCALAR_TYPES.flatMap((type) => [type, `${type}[]` as const]);

const Transform = z
  .strictObject({
    from: Name.optional(),
    derive: Expressions.optional(),
    filter: Expression.optional(),
    cast: z.record(Name, z.enum(TYPES, { error: `expected a type: ${SCALAR_TYPES.join(', ')}, each also as a list (text[])` })).optional(),
    rename: z.record(Name, Name).optional(),
    select: z.array(Name).min(1).max(1_000).optional(),
    deduplicate: z
      .union([z.literal(true), z.array(Name).min(1).max(32)], { error: 'expected true, or the fields of which each combination is kept once' })
      .optional(),
    sort: z
      .array(z.string().regex(/^[a-z][a-z0-9_]*( (asc|desc))?$/, 'expected a field, with " desc" after it for the largest first'))
      .min(1)
      .optional(),
    limit: z.int().min(1).optional(),
  })
  .refine(({ from: _, ...rest }) => Object.values(rest).some((value) => value !== undefined), {
    error: 'a transform does at least one of derive, filter, cast, rename, select, deduplicate, sort, limit',
  });

const Aggregate = z.strictObject({
  from: Name.optional(),
  groupBy: z.array(Name).max(32).optional(),
  measures: Expressions,
  having: Expression.optional(),
});

const Publish = z.strictObject({
  from: Name.optional(),
  to: Name,
  mode: z.enum(['append', 'replace', 'merge'], { error: 'expected append, replace or merge' }).optional(),
  key: z.array(Name).min(1).max(32).optional(),
  typeName: z
    .string()
    .regex(/^[A-Z][A-Za-z0-9]{0,99}$/, 'expected a GraphQL type name in PascalCase')
    .optional(),
  description: Text.optional(),
  owner: Text.optional(),
  visibility: z.enum(['listed', 'secret']).optional(),
  subject: Name.optional(),
  fields: z
    .record(
      Name,
      z.strictObject({ description: Text.optional(), tags: z.array(z.string()).max(50).optional(), visibility: z.enum(['listed', 'secret']).optional() }),
    )
    .optional(),
});

/** What a step declares to have made harmless, and why: nobody checks that it is true, and the audit has it. */
const Anonymises = z
  .strictObject({
    tags: z.array(Tag).min(1).max(50).optional(),
    /** Its rows are about no person any more: none must have consented. */
    subject: z.literal(true, { error: 'expected true, or nothing: whether its rows are about no person any more' }).optional(),
    reason: z.string({ error: 'expected a text that says why nothing is told any more of what the tags or the subject stand for' }).trim().min(1).max(1_000),
  })
  .refine(({ tags, subject }) => tags ?? subject, { error: 'expected tags, subject: true, or both: what is made harmless' });

const KINDS = ['transform', 'aggregate', 'sql', 'publish'] as const;

const Step = z
  .strictObject({
    name: Name.optional(),
    transform: Transform.optional(),
    aggregate: Aggregate.optional(),
    sql: z.string().min(1).max(100_000).optional(),
    publish: Publish.optional(),
    anonymises: Anonymises.optional(),
  })
  .superRefine((step, issues) => {
    const kinds = KINDS.filter((kind) => step[kind] !== undefined);
    if (kinds.length !== 1)
      issues.addIssue({ code: 'custom', message: `a step is one of ${KINDS.join(', ')}${kinds.length > 1 ? `; this one is ${kinds.join(' and ')}` : ''}` });
    else if (step.name === undefined && kinds[0] !== 'publish')
      issues.addIssue({ code: 'custom', path: ['name'], message: 'the step has no name; later steps know it by one' });
    if (step.publish && step.anonymises)
      issues.addIssue({ code: 'custom', path: ['anonymises'], message: 'a publish changes no row, so it can not anonymise; say it of the step before it' });
  });

/** A `Pipeline` document. Its output is a document again, without the keys that are not there. */
export const PipelineShape = z
  .strictObject({
    name: Name,
    description: Text.optional(),
    steps: z.array(Step).min(2, 'a pipeline has at least one step and, last, a publish').max(100),
    schedule: ScheduleShape.optional(),
  })
  .superRefine(({ steps }, issues) => {
    const complain = (path: (string | number)[], message: string) => issues.addIssue({ code: 'custom', path: ['steps', ...path], message });
    if (steps.at(-1)?.publish === undefined) complain([steps.length - 1], 'the last step must be a publish, which says to which dataset the rows go');
    const names = new Set<string>();
    steps.forEach((step, i) => {
      if (step.publish && i < steps.length - 1) complain([i, 'publish'], 'publish must be the last step; a second dataset is made by a second pipeline');
      if (step.name === undefined) return;
      if (names.has(step.name)) complain([i, 'name'], `there is a step ${step.name} already`);
      names.add(step.name);
    });
    if (steps[0]?.transform && steps[0].transform.from === undefined) complain([0, 'transform'], 'the first step must say what it reads: from: <dataset>');
    if (steps[0]?.aggregate && steps[0].aggregate.from === undefined) complain([0, 'aggregate'], 'the first step must say what it reads: from: <dataset>');
    const publish = steps.at(-1)?.publish;
    if (publish?.mode === 'merge' && publish.key === undefined)
      complain([steps.length - 1, 'publish', 'key'], 'merge needs the key by which rows are recognised');
  })
  .transform((pipeline): PipelineSpec => JSON.parse(JSON.stringify(pipeline)) as PipelineSpec);

export type TransformSpec = z.infer<typeof Transform>;
export type AggregateSpec = z.infer<typeof Aggregate>;
export type PublishSpec = z.infer<typeof Publish>;
export type StepSpec = z.infer<typeof Step>;

export type AnonymisesSpec = z.infer<typeof Anonymises>;
export interface AnonymisingStep extends AnonymisesSpec {
  readonly step: string;
}

export interface PipelineSpec {
  readonly name: string;
  readonly description?: string;
  readonly schedule?: ScheduleShape;
  readonly steps: readonly StepSpec[];
}

export function publishOf(spec: PipelineSpec): PublishSpec {
  const publish = spec.steps.at(-1)?.publish;
  if (!publish) throw new TypeError('A pipeline without a publish is no pipeline.');
  return publish;
}

/** What of the pipeline the audit has: the steps that declare to anonymise, and the column that is declared to say whose a row is. */
export function declarationsOf({ steps }: PipelineSpec): { readonly anonymises?: readonly AnonymisingStep[]; readonly subject?: string } {
  const anonymises = steps.flatMap(({ name = 'publish', anonymises: declared }) => (declared ? [{ step: name, ...declared }] : []));
  const subject = steps.at(-1)?.publish?.subject;
  return { ...(anonymises.length > 0 && { anonymises }), ...(subject !== undefined && { subject }) };
}

/** Every word that could be the name of a relation in what the pipeline reads: more than it reads, never less. */
export function wordsOf(spec: PipelineSpec): ReadonlySet<string> {
  const words = spec.steps.flatMap(({ transform, aggregate, sql }) =>
    [transform?.from ?? [], aggregate?.from ?? [], withoutTexts(sql ?? '').match(/[a-z][a-z0-9_]*/gi) ?? []].flat(),
  );
  return new Set(words.map((word) => word.toLowerCase()));
}

function withoutTexts(sql: string): string {
  return sql.replace(/'(?:[^']|'')*'/g, "''");
}
