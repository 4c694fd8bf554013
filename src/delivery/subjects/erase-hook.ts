import type { Transaction } from '../../store/index.js';

/** Something else that is kept of a person: consents, tokens, keys. Whoever keeps it forgets it in the erasure's transaction. */
export interface EraseHook {
  /** Under which the receipt counts it, such as `consents`; `keys` for the keys of encrypted fields. */
  readonly name: string;
  /** How many things were forgotten. */
  erase(tx: Transaction, subject: string): Promise<number>;
  /** Whether something that is kept of the person is on its way into a dataset: a hold on that one keeps it as well. */
  waitsFor?(tx: Transaction, subject: string, dataset: string): Promise<boolean>;
  /** The legal hold on somebody else of whom something would go with what is kept of the person, since nobody can tell it apart. */
  holdWith?(tx: Transaction, subject: string): Promise<string | undefined>;
  /** For persons of whom no more is known than the reference: they stand nowhere in the restored database. */
  eraseReferences?(tx: Transaction, references: readonly string[]): Promise<number>;
  /**
   * Columns of tables that hold subjects as text. When a restored database is brought up to date with the ledger, which
   * names nobody, persons are looked for there too.
   */
  readonly keeps?: readonly { readonly schema: string; readonly table: string; readonly column: string }[];
}
