import type { ApplyContext, Catalog, Dataset, Fail, ManifestKind } from '../catalog/index.js';
import { isHeadgateError } from '../kernel/index.js';
import { compileExpression, identifier, param, render, sql, type Expression } from '../sql/index.js';
import { checkAggregate, checkAggregatesTogether } from './aggregate-checks.js';
import { AccessGrantEntity } from './grant.entity.js';
import { GrantSpec, type Effect } from './grant.js';
import { covers, effectOn, effectProblem, effectsOf } from './effects.js';
import { checkExpressions } from './grant-expressions.js';
import { maskDocument } from './mask.js';
import { warnOfFewValues } from './few-values.js';
import { columnsAlone, tried } from './trial.js';
import { columnsOf } from './columns.js';

/** Grants as manifests: what can be known wrong of a grant is refused when it is applied, not when somebody reads. */
export const grantKind: ManifestKind<GrantSpec> = {
  kind: 'Grant',
  schema: GrantSpec,
  async load(tx) {
    const grants = await tx.manager.find(AccessGrantEntity, { order: { name: 'ASC' } });
    return new Map(grants.map((grant) => [grant.name, grant.spec]));
  },
  async save(name, spec, _before, context, fail) {
    const catalog = await context.catalog();
    checkPurposes(spec, catalog, fail);
    const datasets = datasetsOf(spec, catalog, context, fail);
    checkFields(spec, datasets, fail);
    checkAggregate(spec, datasets, context, fail);
    await checkRows(spec, datasets, context, fail);
    await checkExpressions(spec, datasets, context, fail);
    await warnOfFewValues(spec, datasets, context);
    await context.tx.manager.save(AccessGrantEntity, { name, spec, updatedBy: context.appliedBy, updatedAt: new Date() });
  },
  async remove(name, context) {
    await context.tx.manager.delete(AccessGrantEntity, { name });
  },
  /** A contract that changes in this apply may break a grant that does not: that is said now, not when somebody reads. */
  async settle(inForce, context, failOf, saved) {
    const catalog = await context.catalog();
    for (const [name, spec] of inForce) {
      if (saved.has(name)) continue;
      const datasets = [...catalog.datasets.values()].filter((dataset) => covers(spec, dataset));
      if (spec.rows !== undefined) for (const dataset of datasets) compile(spec.rows, dataset, failOf(name));
      await checkExpressions(spec, datasets, context, failOf(name));
      checkEncrypted(spec, datasets, failOf(name));
    }
    checkAggregatesTogether(inForce, catalog, { context, failOf, saved });
  },
  needs: (spec) => [
    ...(spec.purposes ?? []).map((name) => ({ kind: 'Purpose', name })),
    ...(spec.on.datasets ?? []).filter((name) => name !== '*').map((name) => ({ kind: 'Dataset', name })),
  ],
  toDocument: ({ fields, ...spec }) => ({
    ...spec,
    ...(!spec.aggregateOnly && { fields: Object.fromEntries(Object.entries(fields).map(([key, effect]) => [key, effectDocument(effect)])) }),
  }),
};

/** A field that has become encrypted, under a mask that it can't have: it would be closed without a word. */
function checkEncrypted(spec: GrantSpec, datasets: readonly Dataset[], fail: Fail): void {
  for (const dataset of datasets) {
    for (const field of dataset.fields.filter(({ encrypted }) => encrypted)) {
      const effect = effectOn(spec, field);
      const problem = effect && effectProblem(effect, field);
      if (problem) fail(['fields'], `${dataset.name}.${field.name}: ${problem}`);
    }
  }
}

function effectDocument(effect: Effect): unknown {
  return effect.kind === 'allow' || effect.kind === 'deny' ? effect.kind : maskDocument(effect);
}

function checkPurposes(spec: GrantSpec, catalog: Catalog, fail: Fail): void {
  spec.purposes?.forEach((purpose, i) => {
    if (!catalog.purposes.has(purpose))
      fail(['purposes', i], `There is no purpose "${purpose}". Declare it with a document of kind Purpose. Known: ${list(catalog.purposes.keys())}.`);
  });
}

function datasetsOf(spec: GrantSpec, catalog: Catalog, context: ApplyContext, fail: Fail): Dataset[] {
  spec.on.datasets?.forEach((name, i) => {
    if (name !== '*' && !catalog.datasets.has(name)) fail(['on', 'datasets', i], `There is no dataset "${name}". Known: ${list(listedNames(catalog))}.`);
  });
  const covered = [...catalog.datasets.values()].filter((dataset) => covers(spec, dataset));
  if (covered.length === 0) context.warn(`Grant ${spec.name} reaches no dataset now.`);
  return covered;
}

function checkFields(spec: GrantSpec, datasets: readonly Dataset[], fail: Fail): void {
  const named = spec.on.datasets && !spec.on.datasets.includes('*');
  for (const key of Object.keys(spec.fields)) {
    const known = key === '*' || key.startsWith('tag:') || datasets.some((dataset) => dataset.fields.some((field) => field.name === key));
    if (!known && named)
      fail(
        ['fields', key],
        `None of the grant's datasets has a field "${key}". Fields: ${list(new Set(datasets.flatMap((d) => d.fields.map((f) => f.name))))}.`,
      );
  }
  for (const dataset of datasets) {
    for (const field of dataset.fields) {
      const effect = effectOn(spec, field);
      const problem = effect && effectProblem(effect, field);
      if (problem) fail(['fields'], `${dataset.name}.${field.name}: ${problem}`);
    }
  }
}

/**
 * A row filter is an expression over each dataset of the grant. One that reads a field which the grant does not show
 * plain would tell something of it: who sees which rows learns the answer.
 */
async function checkRows(spec: GrantSpec, datasets: readonly Dataset[], context: ApplyContext, fail: Fail): Promise<void> {
  if (spec.rows === undefined) return;
  if (!spec.on.datasets || spec.on.datasets.includes('*')) fail(['rows'], 'A row filter needs the datasets by name: on: { datasets: [...] }.');
  for (const dataset of datasets) {
    const rows = compile(spec.rows, dataset, fail);
    const effects = effectsOf(spec, dataset);
    const isOpen = (column: string) => effects.get(column)?.kind === 'allow' || (spec.aggregateOnly?.dimensions.includes(column) ?? false);
    const told = rows.columns.filter((column) => !isOpen(column) && !spec.discloses?.includes(column));
    if (told.length > 0) {
      fail(
        ['rows'],
        `The row filter depends on ${told.join(', ')} of ${dataset.name}, which the grant does not show plain, so it tells something about it. ${spec.aggregateOnly ? 'Make dimensions of' : 'Allow'} ${told.length > 1 ? 'these fields' : 'the field'}, or say that you accept it: discloses: [${told.join(', ')}].`,
      );
    }
    await checkIsCondition(rows, dataset, context, fail);
    if (!rows.isTotal)
      context.warn(
        `The row filter of grant ${spec.name} may raise an error on some row of ${dataset.name}; then all reads under this grant fail. They look at every row besides, so that the error tells nothing. If you can, compare columns without arithmetic and casts.`,
      );
  }
}

function compile(text: string, dataset: Dataset, fail: Fail): Expression {
  let rows: Expression;
  try {
    rows = compileExpression(text, { columns: columnsOf(dataset), claims: true });
  } catch (error) {
    if (isHeadgateError(error)) return fail(['rows'], `${dataset.name}: ${error.message}`);
    throw error;
  }
  const encrypted = dataset.fields.find((field) => field.encrypted && rows.columns.includes(field.name));
  if (encrypted) fail(['rows'], `${dataset.name}.${encrypted.name} is encrypted, and no row filter can read it. Choose rows by another field.`);
  return rows;
}

/** PostgreSQL itself checks the types: the condition is planned over the table and run on no row. */
async function checkIsCondition(rows: Expression, dataset: Dataset, context: ApplyContext, fail: Fail): Promise<void> {
  const condition = rows.toSql({ column: (name) => identifier(name), claim: () => param(null, 'text') });
  const { text, values } = render(sql`SELECT 1 FROM ${columnsAlone(dataset)} WHERE ${condition} LIMIT 0`);
  const problem = await tried(context.tx, () => context.tx.query(text, values));
  if (problem !== undefined) fail(['rows'], `The row filter is not a condition over ${dataset.name}: ${problem}.`);
}

/** A steward need not know of the secret ones, and can name one all the same. */
function listedNames(catalog: Catalog): string[] {
  return [...catalog.datasets.values()].filter((dataset) => dataset.visibility === 'listed').map((dataset) => dataset.name);
}

function list(names: Iterable<string>): string {
  const all = [...names];
  return all.length === 0 ? 'none' : all.slice(0, 20).join(', ') + (all.length > 20 ? ', ...' : '');
}
