import { isJoinable } from './dataset-meaning.js';
import { unerasable } from './erasure-rules.js';
import type { Fail } from './manifest-kind.js';
import type { Catalog } from './catalog.js';
import { PLACES } from './live-rows/places.js';
import { columnType, type Dataset, type Field, type Relation, type RemoteRows } from './model.js';
import { didYouMean, listOf } from './suggest.js';
import { rootNamesOf, typeNamesOf } from './type-names.js';

/** What datasets must be to each other: no two with one name in GraphQL, and relations and references that can be followed. */
export function checkCatalog(catalog: Catalog, failOf: (name: string) => Fail, saved: ReadonlySet<string>): void {
  checkClashes(catalog, failOf, saved);
  for (const dataset of catalog.datasets.values()) checkLinks(catalog, dataset, failOf(dataset.name));
}

/** The same about one dataset: its own links, and those of others that lead to it. */
export function checkOne(catalog: Catalog, name: string, failOf: (name: string) => Fail): void {
  checkClashes(catalog, failOf, new Set([name]));
  for (const dataset of catalog.datasets.values()) checkLinks(catalog, dataset, failOf(dataset.name), dataset.name === name ? undefined : name);
}

/** Relations and references of a dataset; with `to`, only those that lead there. */
function checkLinks(catalog: Catalog, dataset: Dataset, fail: Fail, to?: string): void {
  if (to === undefined) {
    checkConsent(catalog, dataset, fail);
    checkKept(dataset, fail);
    checkPlace(catalog, dataset, fail);
  }
  dataset.relations.forEach((relation, i) => {
    if (to === undefined || relation.to === to) checkRelation(catalog, dataset, relation, i, fail);
  });
  dataset.fields.forEach((field, i) =>
    field.rules.forEach((rule, j) => {
      if (rule.kind !== 'references' || (to !== undefined && rule.dataset !== to)) return;
      checkReference(catalog, field, rule, ['fields', i, 'rules', j, 'references'], fail);
    }),
  );
}

/** As `checkErasure`, with the tags that stewards and pipelines give: the contract alone does not tell of them. */
function checkKept(dataset: Dataset, fail: Fail): void {
  if (dataset.onErase !== 'nullify') return;
  const [field] = unerasable(dataset);
  if (field)
    fail(
      ['onErase'],
      `${field.name} is personal by its tags (${field.tags.join(', ') || 'the subject'}), and onErase: nullify can't set it to null, because it is required or in the key: choose onErase: delete, or another tag`,
    );
}

/** A source that became one of another type has no rows where the dataset says. */
function checkPlace({ sources }: Catalog, { name, source }: Dataset, fail: Fail): void {
  const type = source && sources.get(source.source)?.type;
  if (!source || type === undefined || placeOf(source) === PLACES[type]) return;
  fail(['source'], `the rows of ${name} are at the ${placeOf(source)} that it names, and the source ${source.source} is of type ${type}`);
}

function placeOf(source: RemoteRows): string {
  return 'table' in source ? 'table' : 'http' in source ? 'http' : 'graphql';
}

function checkConsent({ purposes }: Catalog, { consent }: Dataset, fail: Fail): void {
  consent?.purposes.forEach((purpose, i) => {
    if (!purposes.has(purpose))
      fail(
        ['consent', 'purposes', i],
        `there is no purpose "${purpose}".${didYouMean(purpose, purposes.keys())} Declare it with a document of kind Purpose. Known: ${listOf(purposes.keys())}.`,
      );
  });
}

function checkClashes(catalog: Catalog, failOf: (name: string) => Fail, saved: ReadonlySet<string>): void {
  const roots = new Map<string, Dataset>();
  const types = new Map<string, Dataset>();
  // What was there before keeps its names; what was saved now is the one to change.
  const inOrder = [...catalog.datasets.values()].toSorted((a, b) => Number(saved.has(a.name)) - Number(saved.has(b.name)));
  for (const dataset of inOrder) {
    for (const root of rootNamesOf(dataset.graphqlName)) {
      const other = roots.get(root);
      if (other) failOf(dataset.name)(['name'], `the dataset ${other.name} has the GraphQL field ${root} too; choose another name`);
      roots.set(root, dataset);
    }
    for (const type of typeNamesOf(dataset.typeName)) {
      const other = types.get(type);
      if (other) failOf(dataset.name)(['typeName'], `the dataset ${other.name} has the GraphQL type ${type} too; give one of them another typeName`);
      types.set(type, dataset);
    }
  }
}

function checkRelation(catalog: Catalog, dataset: Dataset, relation: Relation, i: number, fail: Fail): void {
  const target = catalog.datasets.get(relation.to);
  const path = ['relations', i];
  if (!target)
    return fail(
      [...path, 'to'],
      `there is no dataset "${relation.to}".${didYouMean(relation.to, catalog.datasets.keys())} Known: ${listOf(catalog.datasets.keys())}.`,
    );
  for (const { local, remote } of relation.on) {
    const here = dataset.fields.find(({ name }) => name === local);
    const there = target.fields.find(({ name }) => name === remote);
    if (!there)
      return fail(
        [...path, 'on', local],
        `${target.name} has no field "${remote}".${didYouMean(
          remote,
          target.fields.map(({ name }) => name),
        )} Fields: ${listOf(target.fields.map(({ name }) => name))}.`,
      );
    if (there.encrypted) fail([...path, 'on', local], `${target.name}.${remote} is encrypted, and rows can't be joined by it`);
    if (here && !comparable(here, there))
      fail([...path, 'on', local], `${local} is ${typeText(here)} and ${target.name}.${remote} is ${typeText(there)}: they can't be compared exactly`);
  }
  const remotes = relation.on.map(({ remote }) => remote);
  if (!relation.many && (target.key.length === 0 || !target.key.every((name) => remotes.includes(name)))) {
    const key = target.key.length === 0 ? `${target.name} has no key` : `the key of ${target.name} is ${target.key.join(', ')}`;
    fail([...path, 'on'], `a relation to one row must name the whole key of the other dataset, and ${key}. If there can be several rows, say many: true`);
  }
}

function checkReference(
  catalog: Catalog,
  field: Field,
  rule: { readonly dataset: string; readonly field: string },
  path: readonly (string | number)[],
  fail: Fail,
): void {
  const target = catalog.datasets.get(rule.dataset);
  if (!target)
    return fail(path, `there is no dataset "${rule.dataset}".${didYouMean(rule.dataset, catalog.datasets.keys())} Known: ${listOf(catalog.datasets.keys())}.`);
  const there = target.fields.find(({ name }) => name === rule.field);
  if (!there)
    return fail(
      path,
      `${target.name} has no field "${rule.field}".${didYouMean(
        rule.field,
        target.fields.map(({ name }) => name),
      )}`,
    );
  if (target.source) fail(path, `${target.name} stays at its source ${target.source.source}, where no load can look for a value; leave the rule out`);
  if (there.encrypted) fail(path, `${target.name}.${there.name} is encrypted, and no load can look for a value in it; leave the rule out`);
  if (!comparable(field, there))
    fail(path, `${field.name} is ${typeText(field)} and ${target.name}.${there.name} is ${typeText(there)}: they can't be compared exactly`);
}

/** Types of which equal values are equal for PostgreSQL, with an index of either side in use. */
function comparable(a: Field, b: Field): boolean {
  const whole = (field: Field) => ['integer', 'bigint', 'decimal'].includes(field.type);
  return isJoinable(typeText(a)) && isJoinable(typeText(b)) && (a.type === b.type || (whole(a) && whole(b)));
}

function typeText(field: Field): string {
  return field.type + (field.list ? '[]' : '');
}

/** The columns of a dataset with their PostgreSQL types, as expressions see them. */
export function columnsOf(dataset: Pick<Dataset, 'fields'>): ReadonlyMap<string, string> {
  return new Map(dataset.fields.map((field) => [field.name, columnType(field)]));
}
