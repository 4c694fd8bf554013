/** A column of a relation that a query reads. */
export interface ColumnSource {
  readonly relation: string;
  readonly column: string;
}

/** The input columns that a value is made of; 'all' when that can't be told, so any of them. */
export type Lineage = ReadonlySet<ColumnSource> | 'all';

export function unionOf(lineages: readonly Lineage[]): Lineage {
  const union = new Set<ColumnSource>();
  for (const lineage of lineages) {
    if (lineage === 'all') return 'all';
    for (const source of lineage) union.add(source);
  }
  return union;
}

/** Notes the lineage of every column that is named while a part of a query is looked at; parts may lie in each other. */
export class LineageNotes {
  readonly #open: Lineage[][] = [];

  add(lineage: Lineage): void {
    for (const notes of this.#open) notes.push(lineage);
  }

  /** What `work` gives, and the lineage of all that it named. */
  during<T>(work: () => T): { readonly result: T; readonly lineage: Lineage } {
    const notes: Lineage[] = [];
    this.#open.push(notes);
    try {
      return { result: work(), lineage: unionOf(notes) };
    } finally {
      this.#open.pop();
    }
  }
}
