import { HeadgateError } from '../kernel/index.js';
import type { Transaction } from '../store/index.js';
import { classified, loadClassifications, unclassifiedField } from './classification.js';
import { DatasetSpec, toDataset } from './dataset-spec.js';
import { loadDatasets } from './load-catalog.js';
import type { Dataset, ScalarType } from './model.js';
import { checkSchema } from './schema-problems.js';

/** A field that a contract gets because a column of it came. */
export interface NewColumn {
  /** The column's name, as it came. */
  readonly column: string;
  readonly field: string;
  readonly type: ScalarType;
}

/** A field whose type becomes one that holds all it held, and more. */
export interface Widening {
  readonly field: string;
  readonly from: ScalarType;
  readonly to: ScalarType;
}

/** What a contract that follows its files (`drift: evolve`) must become for some rows. */
export interface ContractDrift {
  readonly columns: readonly NewColumn[];
  readonly wider: readonly Widening[];
}

/** A contract that is not in force yet. */
export interface ContractDraft extends ContractDrift {
  readonly spec: DatasetSpec;
  readonly dataset: Dataset;
}

/**
 * The contract in force with the drift in it. New fields are optional, and `unclassified`: nobody is shown them by `'*'`.
 * @throws HeadgateError DATA_REJECTED when it would be no contract: the name of a field is taken or reserved, there are too many.
 */
export async function draftContract(tx: Transaction, { name }: Pick<Dataset, 'name'>, drift: ContractDrift): Promise<ContractDraft> {
  const [stored] = await loadDatasets(tx, name);
  if (!stored) throw new HeadgateError('NOT_FOUND', `There is no dataset "${name}".`, { dataset: name });
  const fields = stored.spec.fields.map((field) => {
    const to = drift.wider.find((widening) => widening.field === field.name)?.to;
    return to === undefined ? field : { ...field, type: to };
  });
  const added = drift.columns.map(({ column, field, type }) => unclassifiedField({ name: field, type, ...(column !== field && { aliases: [column] }) }));
  const checked = checkSchema(DatasetSpec, { ...stored.spec, fields: [...fields, ...added] });
  if ('problems' in checked) {
    const columns = drift.columns.map(({ column }) => column.slice(0, 80));
    throw new HeadgateError(
      'DATA_REJECTED',
      `The contract of "${name}" can't follow the columns that came (${columns.join(', ')}): ${checked.problems[0]?.message ?? 'it would be none'}. Add the field by hand, or leave the column out.`,
      { dataset: name, extra: columns },
    );
  }
  const facts = { ...stored, contractVersion: stored.contractVersion + 1 };
  const classification = (await loadClassifications(tx, name)).get(name);
  return { ...drift, spec: checked.spec, dataset: classified(toDataset(checked.spec, facts), classification) };
}
