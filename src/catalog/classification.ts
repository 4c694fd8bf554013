import { z } from 'zod';
import type { Transaction } from '../store/index.js';
import type { DatasetSpec } from './dataset-spec.js';
import { Name, Tag } from './field-spec.js';
import type { Fail } from './manifest-kind.js';
import type { Dataset } from './model.js';
import { UNCLASSIFIED } from './unclassified.js';

/**
 * A `Classification` document: what stewards say of a dataset's fields, beside the contract that engineers keep. A field
 * that is named here was looked at; an empty list says that nothing is to be said of it.
 */
export const ClassificationSpec = z
  .strictObject({
    name: Name,
    fields: z
      .record(Name, z.strictObject({ tags: z.array(Tag, { error: 'expected a list of tags; [] says that the field was looked at and needs none' }).max(50) }))
      .refine((fields) => Object.keys(fields).length > 0, { error: 'Say of which fields, e.g. { email: { tags: [pii.email] } }.' }),
  })
  .transform(({ name, fields }) => ({
    name,
    fields: Object.fromEntries(
      Object.entries(fields)
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([field, { tags }]) => [field, { tags: [...new Set(tags)].toSorted() }]),
    ),
  }));
export type ClassificationSpec = z.infer<typeof ClassificationSpec>;

/** All that are in force, by the name of their dataset. */
export async function loadClassifications(tx: Pick<Transaction, 'query'>, name?: string): Promise<ReadonlyMap<string, ClassificationSpec>> {
  const rows = await tx.query<{ name: string; spec: ClassificationSpec }>(
    'SELECT name, spec FROM headgate.classification WHERE $1::text IS NULL OR name = $1 ORDER BY name',
    [name ?? null],
  );
  return new Map(rows.map(({ name: dataset, spec }) => [dataset, spec]));
}

/**
 * The dataset with what stewards say of it: a field has the tags of its contract and theirs. `unclassified` is off a field
 * that they name, unless they say it themselves.
 */
export function classified(dataset: Dataset, spec: ClassificationSpec | undefined): Dataset {
  if (!spec) return dataset;
  const fields = dataset.fields.map((field) => {
    const said = own(spec, field.name);
    if (!said) return field;
    const kept = field.tags.filter((tag) => tag !== UNCLASSIFIED);
    return { ...field, tags: [...new Set([...kept, ...said.tags])].toSorted() };
  });
  return { ...dataset, fields };
}

/** A column that nobody declared, as a field of a contract: `'*'` does not reach it until a steward has said what it is. */
export function unclassifiedField<F extends { readonly name: string; readonly tags?: readonly string[] | undefined }>(field: F): F & { tags: string[] } {
  return { ...field, tags: [...new Set([...(field.tags ?? []), UNCLASSIFIED])] };
}

/** To take `unclassified` off a column is a steward's act: a new contract alone does not do it. */
export async function checkClassified(tx: Transaction, before: DatasetSpec, after: DatasetSpec, fail: Fail): Promise<void> {
  const open = before.fields.filter(({ tags }) => tags?.includes(UNCLASSIFIED)).map(({ name }) => name);
  if (open.length === 0) return;
  const spec = (await loadClassifications(tx, after.name)).get(after.name);
  after.fields.forEach(({ name, tags }, i) => {
    if (!open.includes(name) || tags?.includes(UNCLASSIFIED) || (spec && own(spec, name))) return;
    fail(
      ['fields', i],
      `${name} is tagged ${UNCLASSIFIED}, and no steward has said yet what it is: keep the tag, or apply a document of kind Classification that names the field, such as fields: { ${name}: { tags: [] } }`,
      'CONFLICT',
    );
  });
}

function own({ fields }: ClassificationSpec, name: string): ClassificationSpec['fields'][string] | undefined {
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}
