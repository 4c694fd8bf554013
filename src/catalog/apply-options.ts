import type { Actor, AuditFact } from '../audit/index.js';
import type { Database, Transaction } from '../store/index.js';
import type { ManifestKind } from './manifest-kind.js';
import type { ManifestDocument, ManifestFile } from './manifest.js';
import type { SourceInspector } from './source-inspector.js';

/** What an apply does to one document's subject. */
export interface ManifestChange {
  readonly kind: string;
  readonly name: string;
  readonly change: 'create' | 'update' | 'remove' | 'unchanged';
  /** What changes, a line each: `field email: text, added`. */
  readonly details: readonly string[];
}

export interface ApplyResult {
  readonly changes: readonly ManifestChange[];
  /** In force, and in none of the documents; `prune` removes them. */
  readonly stillInForce: readonly { readonly kind: string; readonly name: string }[];
  readonly warnings: readonly string[];
  /** The catalog's version after it, or, in a dry run, the one in force. */
  readonly version: string;
  readonly dryRun: boolean;
}

/** What a document that was saved declares and somebody must answer for: see `ManifestKind.record`. */
export interface Declared {
  readonly kind: string;
  readonly name: string;
  readonly declares: Readonly<Record<string, unknown>>;
}

export interface ApplyOptions {
  readonly database: Database;
  /** All kinds, in the order in which they depend on each other. */
  readonly kinds: readonly ManifestKind[];
  readonly audit: { recordIn(tx: Transaction, ...facts: readonly AuditFact[]): Promise<void> };
  readonly actor: Actor;
  readonly files?: readonly ManifestFile[];
  readonly documents?: readonly ManifestDocument[];
  /** Gives more documents, made of what the transaction sees once no other apply is under way; what it writes is part of the apply. May run again, from the start. */
  readonly prepare?: (tx: Transaction) => Promise<readonly ManifestDocument[]>;
  /** Looks at the tables of live datasets; without it none can be applied. */
  readonly sources?: SourceInspector;
  /** Does all of it, and then takes it back. */
  readonly dryRun?: boolean;
  /** Removes what is in force and in none of the documents. */
  readonly prune?: boolean;
  /** Why it is done, for the record. */
  readonly reason?: string;
  /** What is on the record beside, of each change. */
  readonly details?: Readonly<Record<string, unknown>>;
  /**
   * Called in the transaction when no other apply can run and nothing is changed yet; what it returns, when everything is
   * changed and nothing committed. Either may throw, and so refuse.
   */
  readonly review?: (tx: Transaction) => Promise<(result: ApplyResult, declared: readonly Declared[]) => Promise<void>>;
  /** Awaited after a commit that changed something: who answers next should see the change. */
  readonly notify?: (version: string) => unknown;
}
