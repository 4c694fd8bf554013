import type { GeneratorValue } from 'fast-check';
import fc from 'fast-check';
import { type Cell, cellOf, type Row, textOf } from './model.js';
import { rowId } from './rows.js';

/** A grant with `aggregateOnly`, as plain JavaScript reads it. */
export interface CellRule {
  readonly dimensions: readonly string[];
  readonly measures: readonly string[];
  readonly minGroup: number;
  /** The field that says whom a row is about; absent, each row is about somebody else. */
  readonly subject?: string;
  /** Null is unknown, and such a row is in no cell. */
  readonly holds: (cells: Row['cells']) => boolean | null;
}

export function cellKey(row: Row, { dimensions }: CellRule): string {
  return JSON.stringify(dimensions.map((name) => textOrNull(cellOf(row, name))));
}

/** Nobody is one and the same. */
export function subjectsOf(rows: readonly Row[], { subject }: CellRule): number {
  return subject === undefined ? rows.length : new Set(rows.map((row) => textOrNull(cellOf(row, subject)))).size;
}

/**
 * The rows that answers are made of: those of cells with enough subjects, and of a measure the values of cells in which enough subjects have
 * one. Nothing else is left of them.
 */
export function keptRows(rows: readonly Row[], rule: CellRule): Row[] {
  const cells = Map.groupBy(
    rows.filter((row) => rule.holds(row.cells) === true),
    (row) => cellKey(row, rule),
  );
  return [...cells.values()].flatMap((cell) => {
    if (subjectsOf(cell, rule) < rule.minGroup) return [];
    const told = rule.measures.filter((name) => isTold(cell, name, rule));
    return cell.map((row) => ({ rid: row.rid, cells: Object.fromEntries([...rule.dimensions, ...told].map((name) => [name, cellOf(row, name)])) }));
  });
}

function isTold(cell: readonly Row[], measure: string, rule: CellRule): boolean {
  return (
    subjectsOf(
      cell.filter((row) => cellOf(row, measure) !== null),
      rule,
    ) >= rule.minGroup
  );
}

/**
 * Rows that differ from the given ones in everything that must not be told: which rows there are in cells with too few subjects, the
 * values of a measure that too few in a cell have, all other fields, and the order in which they are stored.
 * @param draw a row of any kind
 */
export function drawTwin(g: GeneratorValue, rows: readonly Row[], rule: CellRule, draw: (index: number) => Row): Row[] {
  const isIn = (row: Row): boolean => rule.holds(row.cells) === true;
  const cells = Map.groupBy(rows.filter(isIn), (row) => cellKey(row, rule));
  const kept = new Set([...cells].filter(([, cell]) => subjectsOf(cell, rule) >= rule.minGroup).map(([key]) => key));
  const twins = [...cells].flatMap(([key, cell]) => (kept.has(key) ? otherwiseUntold(g, cell, rule, draw) : []));
  const small = new Map<string, Row[]>();
  for (let i = 0; i < 30; i++) {
    const row = draw(1_000 + i);
    const key = cellKey(row, rule);
    if (isIn(row) && kept.has(key)) continue;
    const cell = isIn(row) ? [...(small.get(key) ?? []), row] : [];
    if (subjectsOf(cell, rule) >= rule.minGroup) continue;
    if (isIn(row)) small.set(key, cell);
    twins.push(row);
  }
  return twins.toReversed().map((row, i) => ({ ...row, rid: rowId('twin', i) }));
}

/** A cell that is kept, with its rows as different as they can be. */
function otherwiseUntold(g: GeneratorValue, cell: readonly Row[], rule: CellRule, draw: (index: number) => Row): Row[] {
  const told = rule.measures.filter((name) => isTold(cell, name, rule));
  const same = [...rule.dimensions, ...told, ...(rule.subject === undefined ? [] : [rule.subject])];
  const others = cell.map((row, i) => {
    const cells = { ...draw(2_000 + i).cells, ...Object.fromEntries(same.map((name) => [name, cellOf(row, name)])) };
    return { rid: row.rid, cells };
  });
  // What the row filter reads decides which rows there are.
  const readable = others.map((row, i) => {
    const before = cell[i] ?? row;
    return rule.holds(row.cells) === true ? row : { ...row, cells: { ...row.cells, tier: cellOf(before, 'tier'), note: cellOf(before, 'note') } };
  });
  for (const measure of rule.measures) {
    if (told.includes(measure)) continue;
    // Fewer than enough, and not the same ones.
    let having: Row[] = [];
    for (const [i, row] of readable.entries()) {
      const more = [...having, row];
      if (cellOf(row, measure) !== null && g(fc.boolean) && subjectsOf(more, rule) < rule.minGroup) having = more;
      else readable[i] = { ...row, cells: { ...row.cells, [measure]: null } };
    }
  }
  return readable;
}

function textOrNull(cell: Cell): string | null {
  return cell === null ? null : textOf(cell);
}
