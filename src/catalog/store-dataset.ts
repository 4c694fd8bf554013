import { newId } from '../kernel/index.js';
import type { Transaction } from '../store/index.js';
import { changeTable, dropTable, emptyTable, makeTable } from './change-table.js';
import { checkInDatabase } from './database-checks.js';
import { DatasetEntity } from './dataset.entity.js';
import { toDataset, type DatasetSpec } from './dataset-spec.js';
import { refuseHeld } from './legal-hold.js';
import { loadDatasets } from './load-catalog.js';
import { namesOf } from './loaded-columns.js';
import type { Fail } from './manifest-kind.js';
import type { Dataset } from './model.js';

export interface StoreOptions {
  readonly appliedBy: string;
  /** The pipeline that makes it. */
  readonly producedBy?: string;
  /** The rows can be made again: where they forbid the new contract, the table is emptied instead of the change refused. */
  readonly rebuild?: boolean;
  /** The rows that are there do not belong under the new contract. */
  readonly empty?: boolean;
  /** It is a load that asks for it, under `drift: evolve`. */
  readonly follows?: boolean;
  readonly fail: Fail;
}

/** Stores a new contract version and brings the table to it. What other datasets have to do with it is checked after. */
export async function storeDataset(
  tx: Transaction,
  spec: DatasetSpec,
  { appliedBy, producedBy, rebuild = false, empty = false, follows = false, fail }: StoreOptions,
): Promise<Dataset> {
  const [before] = await loadDatasets(tx, spec.name);
  if (before && before.producedBy !== (producedBy ?? null)) {
    const who = before.producedBy === null ? 'declared by a document' : `made by the pipeline ${before.producedBy}`;
    fail(['name'], `the dataset ${spec.name} is ${who}; choose another name, or remove that first`, 'CONFLICT');
  }
  const id = before?.id ?? newId();
  const contractVersion = (before?.contractVersion ?? 0) + 1;
  const dataset = toDataset(spec, { id, contractVersion, producedBy: producedBy ?? null });
  if (before) {
    await tx.manager.update(DatasetEntity, { id }, { typeName: dataset.typeName, contractVersion, updatedAt: () => 'clock_timestamp()' });
    const emptied = await settleTable(tx, before.spec, spec, dataset, { fail, rebuild, follows });
    await forgetPlain(tx, id, before.spec, spec);
    if (empty && !emptied) await emptyTable(tx, dataset);
    if (emptied || empty) await refuseHeld(tx, spec.name, 'emptied');
    if (emptied || empty) await tx.manager.update(DatasetEntity, { id }, { rowCount: '0', dataVersion: () => 'data_version + 1' });
  } else {
    await tx.manager.insert(DatasetEntity, { id, name: spec.name, typeName: dataset.typeName, contractVersion, producedBy: producedBy ?? null });
    if (!dataset.source) await makeTable(tx, dataset);
  }
  await tx.query('INSERT INTO headgate.dataset_contract (dataset_id, version, contract, created_by) VALUES ($1, $2, $3, $4)', [
    id,
    contractVersion,
    JSON.stringify(spec),
    appliedBy,
  ]);
  await checkInDatabase(tx, dataset, fail);
  return dataset;
}

/** A dataset may come from its source into the store, where it is empty at first; the other way its rows would be lost. */
async function settleTable(
  tx: Transaction,
  before: DatasetSpec,
  after: DatasetSpec,
  dataset: Dataset,
  options: Pick<StoreOptions, 'fail' | 'rebuild' | 'follows'>,
): Promise<boolean> {
  const { fail } = options;
  if (before.source === undefined && after.source === undefined) return changeTable(tx, before, after, dataset, options);
  if (before.source === undefined) {
    fail(['source'], `${dataset.name} has a table here, whose rows would be lost. Delete the dataset first, or give the live one another name`, 'CONFLICT');
  }
  if (after.source === undefined) await makeTable(tx, dataset);
  return false;
}

/** Of columns that are encrypted from now on, what loads refused before is in the quarantine as it came. */
async function forgetPlain(tx: Transaction, id: string, before: DatasetSpec, after: DatasetSpec): Promise<void> {
  const old = new Set(encryptedColumns(before));
  const names = encryptedColumns(after).filter((name) => !old.has(name));
  // A line that could not be taken apart is whole, under an empty name.
  if (names.length > 0) await tx.query('UPDATE headgate.quarantined_row SET raw = raw - $2::text[] WHERE dataset_id = $1', [id, [...names, '']]);
}

function encryptedColumns({ fields }: DatasetSpec): string[] {
  return fields.filter(({ encrypted }) => encrypted).flatMap((field) => namesOf(field));
}

/** Drops the table with its rows, its contracts, its quarantine and its ledger. Runs, reports and audit entries stay. */
export async function dropDataset(tx: Transaction, name: string): Promise<void> {
  const [before] = await loadDatasets(tx, name);
  await refuseHeld(tx, name, 'deleted', { subjects: true });
  const result = await tx.manager.delete(DatasetEntity, { name });
  if (result.affected && before?.spec.source === undefined) await dropTable(tx, name);
}
