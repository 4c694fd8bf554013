import { isDeepStrictEqual } from 'node:util';
import { ClassificationEntity } from './classification.entity.js';
import { ClassificationSpec, loadClassifications } from './classification.js';
import type { Fail, ManifestKind } from './manifest-kind.js';
import type { Catalog } from './catalog.js';
import { didYouMean, listOf } from './suggest.js';

/**
 * What stewards say of fields, as manifests. Before `Dataset`, so that a contract can take the tag `unclassified` off a field
 * that a document of the same apply names; and so before `Pipeline`, which hands the tags on.
 */
export const classificationKind: ManifestKind<ClassificationSpec> = {
  kind: 'Classification',
  schema: ClassificationSpec,
  load: loadClassifications,
  async save(name, spec, _before, { tx, appliedBy }) {
    await tx.manager.save(ClassificationEntity, { name, spec, updatedBy: appliedBy, updatedAt: new Date() });
  },
  /** Those that go are out of force before pipelines are compiled, so that the tags are off what was made of the fields too. */
  async settle(inForce, { tx }) {
    await tx.query('DELETE FROM headgate.classification WHERE name <> ALL ($1)', [[...inForce.keys()]]);
  },
  /** At the end, when also the datasets are there that pipelines of this apply make. */
  async conclude(inForce, context, failOf, saved) {
    const catalog = await context.catalog();
    for (const name of saved) {
      const spec = inForce.get(name);
      if (spec) check(spec, catalog, await pastFields(context.tx, name), failOf(name));
    }
  },
  async remove(name, { tx }) {
    await tx.manager.delete(ClassificationEntity, { name });
  },
  needs: ({ name }) => [{ kind: 'Dataset', name }],
  record: ({ fields }) => ({ fields }),
  describe: (before, after) => {
    const names = [...new Set([...Object.keys(before?.fields ?? {}), ...Object.keys(after.fields)])];
    return names.flatMap((name) => {
      const [old, now] = [before?.fields[name], after.fields[name]];
      if (isDeepStrictEqual(old, now)) return [];
      return now ? `field ${name}: ${now.tags.join(', ') || 'no tag'}` : `field ${name}: not classified any more`;
    });
  },
};

type Queries = Parameters<typeof loadClassifications>[0];

/** Fields that the dataset had once: what was said of one that is gone waits for its return. */
async function pastFields(tx: Queries, dataset: string): Promise<ReadonlySet<string>> {
  const rows = await tx.query<{ field: string }>(
    `SELECT DISTINCT f->>'name' AS field FROM headgate.dataset d JOIN headgate.dataset_contract c ON c.dataset_id = d.id,
       jsonb_array_elements(c.contract->'fields') f WHERE d.name = $1`,
    [dataset],
  );
  return new Set(rows.map(({ field }) => field));
}

/** A steward need not know of secret names, and can name them all the same: they are not suggested. */
function check(spec: ClassificationSpec, catalog: Catalog, past: ReadonlySet<string>, fail: Fail): void {
  const dataset = catalog.datasets.get(spec.name);
  if (!dataset) {
    const listed = [...catalog.datasets.values()].filter(({ visibility }) => visibility === 'listed').map(({ name }) => name);
    return fail(['name'], `there is no dataset "${spec.name}".${didYouMean(spec.name, listed)} Known: ${listOf(listed)}.`);
  }
  const known = dataset.fields.filter(({ visibility }) => visibility === 'listed').map(({ name }) => name);
  for (const name of Object.keys(spec.fields)) {
    if (past.has(name)) continue;
    const suggested = dataset.visibility === 'secret' ? '' : `${didYouMean(name, known)} Fields: ${listOf(known)}.`;
    fail(['fields', name], `${spec.name} has no field "${name}".${suggested}`);
  }
}
