import { createHash } from 'node:crypto';
import type { GeneratorValue } from 'fast-check';
import fc from 'fast-check';
import type { Cell, DatasetModel, FieldModel, Row } from './model.js';
import { keySample, SAMPLES } from './samples.js';

export function drawRows(g: GeneratorValue, dataset: DatasetModel): Row[] {
  const count = g(fc.constantFrom, 0, 3, 8, 12, 14);
  return Array.from({ length: count }, (_, i) => drawRow(g, dataset, i));
}

/** @param index no other row of the dataset has it: its key and `uid` are made of it */
export function drawRow(g: GeneratorValue, dataset: DatasetModel, index: number): Row {
  const cells = Object.fromEntries(dataset.fields.map((field) => [field.name, drawCell(g, dataset, field, index)]));
  return { rid: rowId(dataset.name, index), cells };
}

/** Random to look at, and the same each time. */
export function rowId(dataset: string, index: number): string {
  return createHash('md5').update(`${dataset} ${index}`).digest('hex');
}

export function drawCell(g: GeneratorValue, dataset: DatasetModel, field: FieldModel, index: number): Cell {
  if (field.name === 'uid') return index;
  const place = dataset.key.indexOf(field.name);
  // Of a key of two, the first parts are alike in pairs.
  if (place >= 0) return keySample(field.type, dataset.key.length === 2 && place === 0 ? index >> 1 : index);
  if (g(fc.nat, 5) === 0) return null;
  const pointsTo = dataset.relations.find((relation) => !relation.many && relation.on.some(({ local }) => local === field.name));
  if (pointsTo) return drawForeignKey(g, field, pointsTo.on.length === 2 && field.name.endsWith('k0'));
  if (!field.list) return drawValue(g, field);
  return Array.from({ length: g(fc.integer, { min: 0, max: 3 }) }, () => (g(fc.nat, 6) === 0 ? null : drawValue(g, field)));
}

/** Some lead nowhere. */
function drawForeignKey(g: GeneratorValue, field: FieldModel, isFirstOfTwo: boolean): Cell {
  const index = g(fc.integer, { min: 0, max: 10 });
  return keySample(field.type, isFirstOfTwo ? index >> 1 : index);
}

export function drawValue(g: GeneratorValue, field: FieldModel): Cell {
  return g(fc.constantFrom, ...SAMPLES[field.type]);
}
