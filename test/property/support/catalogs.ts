import type { GeneratorValue } from 'fast-check';
import fc from 'fast-check';
import { SCALAR_TYPES, type ScalarType } from '../../../src/catalog/index.js';
import { camelCase, pascalCase } from '../../../src/kernel/index.js';
import type { DatasetModel, FieldModel, RelationModel } from './model.js';
import { KEY_TYPES } from './samples.js';

const NAMES = ['ships', 'port_calls', 'crew', 'papers'];
const TAGS = ['pii', 'pii.name', 'money', 'unclassified'];

/** Every dataset has it: a number that no other row of it has. */
export const UID: FieldModel = { name: 'uid', graphqlName: 'uid', type: 'integer', list: false, required: false, tags: [], visibility: 'listed' };

type Draft = Omit<DatasetModel, 'fields' | 'relations'> & { fields: FieldModel[]; relations: RelationModel[] };

/** Two to four datasets with fields of any type, keys or none, and relations both ways; some of it secret. */
export function drawDatasets(g: GeneratorValue): DatasetModel[] {
  const count = g(fc.integer, { min: 2, max: 4 });
  const drafts = NAMES.slice(0, count).map((name, i) => drawDataset(g, name, i === 0));
  for (const target of drafts) {
    if (target.key.length === 0) continue;
    const many = g(fc.integer, { min: 1, max: 2 });
    for (let i = 0; i < many; i++) relate(g, g(fc.constantFrom, ...drafts), target, i);
  }
  return drafts;
}

function drawDataset(g: GeneratorValue, name: string, isFirst: boolean): Draft {
  const keySize = isFirst ? 1 : g(fc.constantFrom, 0, 1, 1, 2);
  const key = Array.from({ length: keySize }, (_, i) => field(g, `k${i}`, g(fc.constantFrom, ...KEY_TYPES), true));
  const rest = Array.from({ length: g(fc.integer, { min: 3, max: 7 }) }, (_, i) => {
    const type = g(fc.constantFrom, ...SCALAR_TYPES);
    const list = g(fc.nat, 5) === 0;
    return { ...field(g, `${'abcdefg'[i] ?? ''}_${type}`, type, false), list };
  });
  return {
    name,
    graphqlName: camelCase(name),
    typeName: pascalCase(name),
    visibility: !isFirst && g(fc.nat, 7) === 0 ? 'secret' : 'listed',
    fields: [...key, ...rest, UID],
    key: key.map((part) => part.name),
    relations: [],
  };
}

function field(g: GeneratorValue, name: string, type: ScalarType, isKey: boolean): FieldModel {
  const tags = g(fc.nat, 2) === 0 ? [g(fc.constantFrom, ...TAGS)] : [];
  const visibility = g(fc.nat, isKey ? 15 : 6) === 0 ? 'secret' : 'listed';
  return { name, graphqlName: camelCase(name), type, list: false, required: isKey, tags, visibility };
}

/** Fields in one dataset that name a row of another, a relation to it, and mostly one back. */
function relate(g: GeneratorValue, from: Draft, target: Draft, index: number): void {
  const id = `${target.name}_${index}`;
  const on = target.key.map((remote, i) => {
    const type = target.fields.find((candidate) => candidate.name === remote)?.type ?? 'integer';
    const local = `${id}_k${i}`;
    from.fields.push(field(g, local, type, false));
    return { local, remote };
  });
  from.relations.push({ name: `to_${id}`, graphqlName: camelCase(`to_${id}`), to: target.name, on, many: false });
  if (g(fc.nat, 4) === 0) return;
  const back = `${from.name}_of_${id}`;
  const reversed = on.map(({ local, remote }) => ({ local: remote, remote: local })).toSorted((a, b) => (a.local < b.local ? -1 : 1));
  target.relations.push({ name: back, graphqlName: camelCase(back), to: from.name, on: reversed, many: true });
}
