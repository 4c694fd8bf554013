import type { GeneratorValue } from 'fast-check';
import fc from 'fast-check';
import { UID } from './catalogs.js';
import type { DatasetModel, Effect, FieldModel, GrantModel, Mask } from './model.js';
import { drawRowFilter } from './row-filters.js';

/** What every type can bear, as behind '*' and tags. */
const FOR_ALL: readonly Effect[] = ['allow', 'allow', 'deny', { mask: 'redact' }, { mask: 'nullify' }];
const FOR_TEXT: readonly Mask[] = [
  { mask: 'hash' },
  { mask: 'hash', scope: 'common' },
  { mask: 'partial', first: 1, last: 0, with: '*' },
  { mask: 'partial', first: 1, last: 2, with: 'x' },
  { mask: 'email' },
  { mask: 'range', step: '10' },
  { mask: 'tokenize' },
  { mask: 'tokenize', scope: 'common' },
];
const TIMES: readonly Mask[] = [{ mask: 'year' }, { mask: 'truncate', to: 'month' }];

function fitting({ type, list }: FieldModel): readonly Effect[] {
  if (list) return FOR_ALL;
  switch (type) {
    case 'text':
      return [...FOR_ALL, ...FOR_TEXT];
    case 'date':
      return [...FOR_ALL, ...TIMES];
    case 'timestamp':
      return [...FOR_ALL, ...TIMES, { mask: 'truncate', to: 'day' }, { mask: 'truncate', to: 'hour' }];
    case 'integer':
    case 'bigint':
      return [...FOR_ALL, { mask: 'round', step: '10' }, { mask: 'round', step: '1000' }];
    case 'decimal':
    case 'float':
      return [...FOR_ALL, { mask: 'round', step: '0.5' }, { mask: 'round', step: '5' }];
    default:
      return FOR_ALL;
  }
}

/** Several for most datasets, which overlap; some of them for a purpose only, for a tag, or for no right to read. */
export function drawGrants(g: GeneratorValue, datasets: readonly DatasetModel[]): GrantModel[] {
  const grants: GrantModel[] = datasets.flatMap((dataset, d) =>
    Array.from({ length: g(fc.constantFrom, 0, 1, 1, 2, 2, 3) }, (_, i) => drawGrant(g, dataset, `g${d}${i}`)),
  );
  // Most questions need an answer: the first dataset is open to somebody.
  const [first] = datasets;
  if (first) grants.push({ name: 'open', to: { roles: ['reader'] }, on: { datasets: [first.name] }, fields: openTo(g, first) });
  if (g(fc.nat, 3) === 0) grants.push({ name: 'wide', to: { roles: ['*'] }, on: { datasets: ['*'] }, fields: { '*': { mask: 'redact' }, 'tag:pii': 'deny' } });
  if (
    g(fc.nat, 3) === 0 &&
    datasets.some(({ visibility, fields }) => visibility === 'listed' && fields.some(({ tags }) => tags.some((tag) => tag.startsWith('pii'))))
  )
    grants.push({ name: 'tagged', to: { roles: ['reader'] }, on: { tags: ['pii'] }, fields: { '*': g(fc.constantFrom, ...FOR_ALL) } });
  return grants.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function openTo(g: GeneratorValue, dataset: DatasetModel): Record<string, Effect> {
  const fields: Record<string, Effect> = { '*': 'allow' };
  for (const field of dataset.fields) {
    if (field.visibility === 'secret' && g(fc.boolean)) fields[field.name] = 'allow';
    else if (g(fc.nat, 3) === 0) fields[field.name] = g(fc.constantFrom, ...fitting(field));
  }
  for (const name of dataset.key) if (g(fc.nat, 3) > 0) fields[name] = 'allow';
  return fields;
}

function drawGrant(g: GeneratorValue, dataset: DatasetModel, name: string): GrantModel {
  const rows = g(fc.nat, 2) === 0 ? undefined : drawRowFilter(g, dataset);
  const fields: Record<string, Effect> = {};
  if (g(fc.nat, 3) > 0) fields['*'] = g(fc.constantFrom, ...FOR_ALL);
  if (g(fc.nat, 3) === 0) fields['tag:pii'] = g(fc.constantFrom, ...FOR_ALL);
  if (g(fc.nat, 5) === 0) fields['tag:money'] = g(fc.constantFrom, ...FOR_ALL);
  for (const field of dataset.fields) {
    const isJoined = dataset.key.includes(field.name) || dataset.relations.some(({ on }) => on.some(({ local }) => local === field.name));
    if (isJoined ? g(fc.nat, 4) > 0 : g(fc.nat, 8) === 0) fields[field.name] = 'allow';
    else if (g(fc.nat, 1) === 0) fields[field.name] = g(fc.constantFrom, ...fitting(field));
  }
  // What the filter reads is shown plain: otherwise the grant would be refused.
  for (const read of rows?.fields ?? []) fields[read] = 'allow';
  if (Object.keys(fields).length === 0) fields[UID.name] = 'allow';
  return {
    name,
    to: g(
      fc.constantFrom,
      { roles: ['reader'] },
      { roles: ['reader'] },
      { roles: ['other', 'reader'] },
      { roles: ['*'] },
      { subjects: ['ann'] },
      { anonymous: true },
      { roles: ['reader'], anonymous: true },
    ),
    on: { datasets: [dataset.name] },
    ...(g(fc.nat, 5) === 0 && { purposes: [g(fc.constantFrom, 'care', 'ads')] }),
    ...(g(fc.nat, 11) === 0 && { rights: ['export'] }),
    ...(rows && { rows }),
    fields,
  };
}
