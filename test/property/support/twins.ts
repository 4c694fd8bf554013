import type { GeneratorValue } from 'fast-check';
import fc from 'fast-check';
import type { Principal } from '../../../src/identity/index.js';
import type { Cell, DatasetModel, FieldModel, Row, World } from './model.js';
import { drawCell, drawRow } from './rows.js';
import { keySample } from './samples.js';
import { Seen } from './seen.js';

/** Where keys of rows begin that only one of two stores has. */
const ELSEWHERE = 40;
const TRIES = 6;

/**
 * Rows that look the same to a principal: other values in the cells that are masked to a constant or not seen at all, other
 * rows hidden, and all of it stored in another order. What a row filter of the principal's grants reads is disclosed by
 * it, and stays.
 */
export function drawTwin(g: GeneratorValue, world: World, asker: Principal): World['rows'] {
  // Effects are compared, and no value is masked.
  const seen = new Seen(world, asker, () => Buffer.alloc(0));
  return Object.fromEntries(world.datasets.map((dataset) => [dataset.name, twinOf(g, world.rows[dataset.name] ?? [], dataset, seen).toReversed()]));
}

function twinOf(g: GeneratorValue, rows: readonly Row[], dataset: DatasetModel, seen: Seen): Row[] {
  const disclosed = new Set(seen.grants(dataset).flatMap((grant) => grant.rows?.fields ?? []));
  let next = ELSEWHERE;
  const twins = rows.flatMap((row) => {
    if (seen.shows(dataset, row)) return [{ ...row, cells: otherCells(g, dataset, row, seen, disclosed, next++) }];
    return g(fc.boolean) ? [row] : [];
  });
  for (let i = 0; i < TRIES; i++) {
    const row = drawRow(g, dataset, next++);
    if (!seen.shows(dataset, row)) twins.push(row);
  }
  return twins;
}

function otherCells(g: GeneratorValue, dataset: DatasetModel, row: Row, seen: Seen, disclosed: ReadonlySet<string>, index: number): Row['cells'] {
  const other = (field: FieldModel): Cell => {
    const place = dataset.key.indexOf(field.name);
    return place < 0 ? drawCell(g, dataset, field, index) : keySample(field.type, index);
  };
  return Object.fromEntries(
    dataset.fields.map((field) => {
      const isHidden = seen.isConstant(dataset, field, row) && !disclosed.has(field.name);
      return [field.name, isHidden ? other(field) : (row.cells[field.name] ?? null)];
    }),
  );
}
