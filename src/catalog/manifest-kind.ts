import type { ZodType } from 'zod';
import type { ErrorCode } from '../kernel/index.js';
import type { Transaction } from '../store/index.js';
import type { Catalog } from './catalog.js';
import type { SourceInspector } from './source-inspector.js';

/** What a kind may use while its documents are checked and saved. */
export interface ApplyContext {
  readonly tx: Transaction;
  /** The subject that applies. */
  readonly appliedBy: string;
  /** The catalog as the transaction sees it now: with what kinds before this one have saved. */
  catalog(): Promise<Catalog>;
  /** It is a load that asks for it, under `drift: evolve`. */
  readonly follows?: boolean;
  /** Looks at sources; absent where nothing can reach them. */
  readonly sources?: SourceInspector;
  /** A thing to tell that is not an error (a mask on a field with few values, a grant that left the files). */
  warn(message: string): void;
}

/**
 * Ends the apply with an error that names file, line and path of the part of the document at fault. Its code is
 * BAD_USER_INPUT unless another one is given: CONFLICT for a document that is right, and that what is there forbids.
 */
export type Fail = (path: readonly (string | number)[], message: string, code?: ErrorCode) => never;

/** A document that another one can't do without. */
export interface Need {
  readonly kind: string;
  readonly name: string;
}

/**
 * One kind of manifest (`Dataset`, `Grant`, ...). A room that owns a concept brings its kind, `app.ts` collects them in
 * the order in which they depend on each other. Everything happens inside one transaction, so a dry run is an apply
 * that is rolled back.
 */
export interface ManifestKind<Spec extends object = object> {
  readonly kind: string;
  /** Of a document without `kind` and `state`; strict, and it normalises: equal meaning gives equal output. `name` is part of it. */
  readonly schema: ZodType<Spec>;
  /** What is in force, by name, in normalised form and able to be exported as a document. */
  load(tx: Transaction): Promise<ReadonlyMap<string, Spec>>;
  /** Validates against the catalog and stores; called only when the document is new or differs from what is in force. */
  save(name: string, spec: Spec, before: Spec | undefined, context: ApplyContext, fail: Fail): Promise<void>;
  /** Takes it out of force. @throws HeadgateError CONFLICT when something else needs it. */
  remove(name: string, context: ApplyContext): Promise<void>;

  /** The documents that this one needs: they can't be removed while it stays. */
  needs?(spec: Spec): readonly Need[];
  /**
   * Brings what is in force, without what this apply removes, into agreement once this kind's documents were saved and
   * before the next kind's are; called when this kind or one before it changed something. `failOf` gives a document's
   * own place where it has one, `saved` are the names that this apply wrote.
   */
  settle?(inForce: ReadonlyMap<string, Spec>, context: ApplyContext, failOf: (name: string) => Fail, saved: ReadonlySet<string>): Promise<void>;
  /** As `settle`, at the end, when all kinds were saved and removed: for what leads to something that a later kind makes. */
  conclude?(inForce: ReadonlyMap<string, Spec>, context: ApplyContext, failOf: (name: string) => Fail, saved: ReadonlySet<string>): Promise<void>;
  /** Names in use that no document made, each with who made it: a document can neither change nor remove them. */
  madeElsewhere?(tx: Transaction): Promise<ReadonlyMap<string, string>>;
  /** What is in force stays so when its file is gone, `prune` or not: it is removed by its name only. */
  readonly staysUnlessNamed?: true;
  /** Its documents are not given to everybody who may have the catalog: an export leaves them out. */
  readonly confidential?: true;
  /** The document, where the normalised form is not one itself. */
  toDocument?(spec: Spec): object;
  /** What of a saved document is in the audit besides its name: declarations that somebody must answer for. */
  record?(spec: Spec): Readonly<Record<string, unknown>>;
  /** What changes, a line each; `before` is undefined for a new one. Without it, the keys that differ are named. */
  describe?(before: Spec | undefined, after: Spec): readonly string[];
}
