import type { ColumnSource, Lineage } from './lineage.js';

/** A column as a part of a query can name it. */
export interface ScopeColumn {
  readonly name: string;
  /** How the rewritten query names it: always the same column, wherever PostgreSQL would look. */
  readonly ref: readonly string[];
  readonly lineage: Lineage;
  /** As of `QueryOutput`. */
  readonly copies?: readonly ColumnSource[];
  /** Told when it is named. */
  readonly use?: () => void;
}

/** What one FROM brings: tables by alias, and the columns that can be named without one. */
export interface Visible {
  readonly tables: ReadonlyMap<string, readonly ScopeColumn[]>;
  readonly columns: readonly ScopeColumn[];
}

export const nothing: Visible = { tables: new Map(), columns: [] };

/** Two FROM items side by side; the alias that both have, if there is one, is given to `onTwice`. */
export function beside(left: Visible, right: Visible, onTwice: (alias: string) => never): Visible {
  for (const alias of right.tables.keys()) if (left.tables.has(alias)) onTwice(alias);
  return { tables: new Map([...left.tables, ...right.tables]), columns: [...left.columns, ...right.columns] };
}

/** One item with its columns under an alias. */
export function table(alias: string, columns: readonly ScopeColumn[]): Visible {
  return { tables: new Map([[alias, columns]]), columns };
}

export type Found = ScopeColumn | 'ambiguous' | undefined;

/** A level of names: a query sees its own FROM first, then those of the queries around it. */
export class Scope {
  readonly visible: Visible;
  readonly parent: Scope | undefined;

  constructor(visible: Visible, parent: Scope | undefined) {
    this.visible = visible;
    this.parent = parent;
  }

  find(fields: readonly string[]): Found {
    const found = this.findHere(fields);
    // A table of this level hides one of the same name further out, also for columns that it does not have.
    const hidden = fields.length > 1 && this.visible.tables.has(fields[0] ?? '');
    return found ?? (hidden ? undefined : this.parent?.find(fields));
  }

  findHere(fields: readonly string[]): Found {
    const [first = '', second] = fields;
    if (fields.length > 2) return undefined;
    const candidates =
      second === undefined
        ? this.visible.columns.filter((column) => column.name === first)
        : (this.visible.tables.get(first) ?? []).filter((column) => column.name === second);
    return candidates.length > 1 ? 'ambiguous' : candidates[0];
  }

  /** Names to offer in an error: of this level. */
  names(): readonly string[] {
    return [...this.visible.tables].flatMap(([alias, columns]) => columns.map((column) => `${alias}.${column.name}`));
  }
}
