import { z } from 'zod';
import { AggregateOnly } from './aggregate-spec.js';
import { MaskSpec, type Mask } from './mask.js';

/** What a grant does with a field: shows it, masks it, or closes it against all other grants. */
export type Effect = { readonly kind: 'allow' } | Mask | { readonly kind: 'deny' };

export const RIGHTS = ['read', 'export', 'subscribe', 'ingest', 'detokenize'] as const;
export type Right = (typeof RIGHTS)[number];

const EffectSpec = z.union([z.enum(['allow', 'deny']).transform((kind): Effect => ({ kind })), MaskSpec]);
const names = z.array(z.string().min(1)).min(1);

const To = z
  .strictObject({ roles: names.optional(), subjects: names.optional(), anonymous: z.boolean().optional() })
  .refine((to) => to.roles ?? to.subjects ?? to.anonymous, { message: 'Say whom: { roles: [...] }, { subjects: [...] } or { anonymous: true }.' });

const On = z.strictObject({ datasets: names.optional(), tags: names.optional() }).refine((on) => (on.datasets === undefined) !== (on.tags === undefined), {
  message: "Say on what: either { datasets: [...] } or { tags: [...] }; { datasets: ['*'] } is all that are not secret.",
});

const GrantDocument = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,99}$/, 'A grant is named with lower-case letters, digits, dots, dashes and underscores.'),
  description: z.string().optional(),
  to: To,
  on: On,
  /** Left out: any purpose, or none. */
  purposes: names.optional(),
  /** An SQL condition over the row; claim('name') reads the principal's token. Left out: all rows. */
  rows: z.string().min(1).max(10_000).optional(),
  rights: z.array(z.enum(RIGHTS)).min(1).optional(),
  /** Fields about which the row filter may tell something, although the grant does not show them plain. */
  discloses: names.optional(),
  /** By field name, `tag:NAME` or '*'; the first of these that matches a field counts. */
  fields: z
    .record(z.string(), EffectSpec)
    .refine((fields) => Object.keys(fields).length > 0, { message: "Say which fields, e.g. { '*': allow }." })
    .optional(),
  /** In place of `fields`: no rows, and of many together numbers. */
  aggregateOnly: AggregateOnly.optional(),
});

/**
 * A `Grant` document: these principals, on these datasets, for these purposes, see these rows and these fields so; or, with
 * `aggregateOnly`, numbers over many of them and no row.
 */
export const GrantSpec = GrantDocument.superRefine(({ fields, aggregateOnly, rights }, check) => {
  const problem = (path: string, message: string): void => check.addIssue({ code: 'custom', path: [path], message });
  if (fields === undefined && aggregateOnly === undefined) problem('fields', "Say which fields, e.g. { '*': allow }, or give aggregateOnly in their place.");
  if (fields !== undefined && aggregateOnly !== undefined)
    problem('aggregateOnly', 'A grant shows fields of rows, or only numbers over many of them: give either fields or aggregateOnly.');
  if (aggregateOnly !== undefined && rights?.some((right) => right !== 'read'))
    problem('rights', 'With aggregateOnly there is one right, read: there are no rows to export, to subscribe to or to load.');
}).transform(({ fields, rights, aggregateOnly, ...spec }) => ({
  ...spec,
  rights: rights ?? (aggregateOnly ? (['read'] satisfies Right[]) : (['read', 'export', 'subscribe'] satisfies Right[])),
  /** Of a grant with `aggregateOnly` empty. */
  fields: fields ?? {},
  ...(aggregateOnly && { aggregateOnly }),
}));
export type GrantSpec = z.infer<typeof GrantSpec>;

/** A tag covers itself and what is under it: `pii` matches `pii.email`. */
export function tagMatches(granted: string, tag: string): boolean {
  return tag === granted || tag.startsWith(`${granted}.`);
}
