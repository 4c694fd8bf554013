import type { ZodType } from 'zod';
import type { Transaction } from '../store/index.js';
import type { Catalog } from './model.js';

/** What a kind may use while its documents are checked and saved. */
export interface ApplyContext {
  readonly tx: Transaction;
  /** The subject that applies. */
  readonly appliedBy: string;
  /** The catalog as the transaction sees it now: with what kinds before this one have saved. */
  catalog(): Promise<Catalog>;
  /** A thing to tell that is not an error (a mask on a field with few values, a grant that left the files). */
  warn(message: string): void;
}

/** Ends the apply with an error that names file, line and path of the part of the document at fault. */
export type Fail = (path: readonly (string | number)[], message: string) => never;

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
}
