/** A column whose kind is known. */
export interface LabelledColumn {
  readonly name: string;
  readonly type: 'text' | 'integer' | 'bigint' | 'decimal' | 'float' | 'date' | 'timestamp';
  readonly values: readonly string[];
  /** The tag that it should get; undefined for one that should get none. */
  readonly tag: string | undefined;
}

export interface LabelledDataset {
  readonly name: string;
  readonly columns: readonly LabelledColumn[];
}

/** A column's name as a contract has it. */
export function snake(name: string): string {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll(/[^A-Za-z0-9]+/g, '_')
    .replaceAll(/^_+|_+$/g, '')
    .toLowerCase();
}
