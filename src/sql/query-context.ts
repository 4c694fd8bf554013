import type { Node, SelectStmt } from 'libpg-query';
import { Holes } from './deparse.js';
import { LineageNotes, type ColumnSource, type Lineage } from './lineage.js';
import { Rewriter } from './rewriter.js';
import type { Scope } from './scope.js';
import type { Source } from './source.js';
import { RESERVED } from './tree.js';

export interface QueryOutput {
  readonly name: string | undefined;
  readonly lineage: Lineage;
  /** Each value is as it stands in one of these columns; absent where it may be computed. */
  readonly copies?: readonly ColumnSource[];
}

/** A common table (WITH): under a name of ours, so that it can't be taken for what fills a hole. */
interface CommonTable {
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly lineage: Lineage; readonly copies?: readonly ColumnSource[] }[];
  readonly steering: Lineage;
}

export type CommonTables = ReadonlyMap<string, CommonTable>;

export interface QueryResult {
  readonly select: SelectStmt;
  readonly outputs: readonly QueryOutput[];
  /** What says which rows there are, how many, and in which order: of this query and of all that it selects from. */
  readonly steering: Lineage;
}

/** The walk over queries and the expressions in them, as the parts of a query need it. */
export interface QueryWalk {
  select(select: SelectStmt, outer: CommonTables, parent: Scope | undefined, named: boolean): QueryResult;
  expression(node: Node, scope: Scope, tables: CommonTables): Node;
}

/** What is gathered while one text is looked at. */
export class QueryContext {
  readonly source: Source;
  readonly relations: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly holes = new Holes();
  readonly notes = new LineageNotes();
  readonly rewriter: Rewriter;
  readonly reads = new Map<string, Set<string>>();
  /** How often each relation stands in a FROM. */
  readonly readings = new Map<string, number>();
  /** Of common tables, those that are read. */
  readonly #commonRead = new Set<string>();
  rereadsCommon = false;
  readonly #sources = new Map<string, ColumnSource>();
  readonly #atEnd: (() => void)[] = [];
  #names = 0;

  constructor(source: Source, relations: ReadonlyMap<string, ReadonlyMap<string, string>>) {
    this.source = source;
    this.relations = relations;
    this.rewriter = new Rewriter(source, this.holes);
  }

  newName(kind: string): string {
    return `${RESERVED}${kind}_${this.#names++}`;
  }

  /** One object for each column, so that sets of them have each once. */
  columnSource(relation: string, column: string): ColumnSource {
    const key = JSON.stringify([relation, column]);
    const source = this.#sources.get(key) ?? { relation, column };
    this.#sources.set(key, source);
    return source;
  }

  readRelation(relation: string): void {
    if (!this.reads.has(relation)) this.reads.set(relation, new Set());
    this.readings.set(relation, (this.readings.get(relation) ?? 0) + 1);
  }

  readCommon(name: string, isRecursive: boolean): void {
    if (isRecursive || this.#commonRead.has(name)) this.rereadsCommon = true;
    this.#commonRead.add(name);
  }

  readColumn({ relation, column }: ColumnSource): void {
    this.reads.get(relation)?.add(column);
  }

  /** Runs `work` when all columns are known to be named or not. */
  atEnd(work: () => void): void {
    this.#atEnd.push(work);
  }

  finish(): void {
    for (const work of this.#atEnd) work();
  }
}
