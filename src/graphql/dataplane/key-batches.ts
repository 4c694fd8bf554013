import DataLoader from 'dataloader';
import type { ReadAnswer } from '../../access/index.js';
import type { PreparedRoot } from './prepared-root.js';

/**
 * Rows that one request asks for by key under several aliases. Those of one dataset of which the same is asked are read
 * together, by one statement.
 */
export class KeyBatches {
  readonly #read: (roots: readonly PreparedRoot[]) => Promise<readonly ReadAnswer[]>;
  readonly #largest: number;
  readonly #loaders = new Map<string, DataLoader<PreparedRoot, ReadAnswer>>();

  /**
   * @param read the answers of roots that differ in their keys alone, in their order
   * @param largest how many rows a statement may look for
   */
  constructor(read: (roots: readonly PreparedRoot[]) => Promise<readonly ReadAnswer[]>, largest: number) {
    this.#read = read;
    this.#largest = largest;
  }

  async load(root: PreparedRoot): Promise<ReadAnswer> {
    const id = batchOf(root);
    let loader = this.#loaders.get(id);
    if (!loader) {
      loader = new DataLoader<PreparedRoot, ReadAnswer>(this.#read, { cache: false, maxBatchSize: this.#largest });
      this.#loaders.set(id, loader);
    }
    return loader.load(root);
  }
}

/** Equal for roots that one statement can answer: the same is asked of the same dataset, with the same values but for the key. */
function batchOf({ selection, shape, decisions, request }: PreparedRoot): string {
  const keys = new Set(selection.kind === 'byKey' ? selection.key.map(({ value }) => value.slot) : []);
  const others = request.values.filter((_, slot) => !keys.has(slot));
  return JSON.stringify([shape, decisions.map((decision) => decision.fingerprint), others, request.patterns]);
}
