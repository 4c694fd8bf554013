import type { Transaction } from '../store/index.js';
import { classified, loadClassifications } from './classification.js';
import { toDataset, type DatasetSpec } from './dataset-spec.js';
import type { Catalog } from './catalog.js';
import type { Dataset, Purpose } from './model.js';
import { PurposeEntity } from './purpose.entity.js';
import { loadSources } from './source-kind.js';
import { catalogVersion } from './version.js';

export interface StoredDataset {
  readonly id: string;
  readonly name: string;
  readonly contractVersion: number;
  readonly producedBy: string | null;
  readonly spec: DatasetSpec;
}

/** All datasets with the contract in force, by name. */
export async function loadDatasets(tx: Transaction, name?: string): Promise<StoredDataset[]> {
  return tx.query<StoredDataset>(
    `SELECT d.id, d.name, d.contract_version AS "contractVersion", d.produced_by AS "producedBy", c.contract AS spec
       FROM headgate.dataset d JOIN headgate.dataset_contract c ON c.dataset_id = d.id AND c.version = d.contract_version
      WHERE $1::text IS NULL OR d.name = $1 ORDER BY d.name`,
    [name ?? null],
  );
}

/** The contract in force, as it is stored: without what stewards say of its fields. */
export async function contractOf(tx: Transaction, name: string): Promise<DatasetSpec | undefined> {
  return (await loadDatasets(tx, name))[0]?.spec;
}

/** The catalog as the transaction sees it. Read it in one REPEATABLE READ transaction with what must fit to it. */
export async function loadCatalog(tx: Transaction): Promise<Catalog> {
  const version = await catalogVersion(tx);
  const datasets = await loadDatasets(tx);
  const classifications = await loadClassifications(tx);
  const purposes = await tx.manager.find(PurposeEntity, { order: { name: 'ASC' } });
  return {
    version,
    datasets: new Map(datasets.map((stored): [string, Dataset] => [stored.name, classified(toDataset(stored.spec, stored), classifications.get(stored.name))])),
    purposes: new Map(
      purposes.map(({ name, description, lawfulBasis, processing }): [string, Purpose] => [
        name,
        { name, ...(description !== null && { description }), ...(lawfulBasis !== null && { lawfulBasis }), ...processing },
      ]),
    ),
    sources: await loadSources(tx),
  };
}
