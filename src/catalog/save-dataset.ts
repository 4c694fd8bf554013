import { isDeepStrictEqual } from 'node:util';
import type { z } from 'zod';
import { HeadgateError } from '../kernel/index.js';
import type { Transaction } from '../store/index.js';
import { checkOne } from './catalog-checks.js';
import { withLockTimeout } from './change-table.js';
import { DatasetSpec, toDataset } from './dataset-spec.js';
import { describeDataset } from './describe-dataset.js';
import { loadCatalog, loadDatasets } from './load-catalog.js';
import type { Fail } from './manifest-kind.js';
import type { Dataset } from './model.js';
import { describeProblem, pathText } from './problem.js';
import { checkSchema } from './schema-problems.js';
import { dropDataset, storeDataset } from './store-dataset.js';
import { settleIndexes } from './table-indexes.js';
import { lockCatalog, raiseCatalogVersion } from './version.js';

/** A dataset as a `Dataset` document has it, without `kind`. */
export type DatasetDocument = z.input<typeof DatasetSpec>;

export interface SaveDatasetOptions {
  /** The pipeline that makes it. A dataset of a document, or of another pipeline, can't be taken over. */
  readonly producedBy?: string;
  readonly appliedBy: string;
  /** The rows can be made again: where they forbid the new contract, the table is emptied instead of the change refused. */
  readonly rebuild?: boolean;
  /** The rows that are there do not belong under the new contract: they are taken away when it is another one. */
  readonly empty?: boolean;
  /** Where the document that asks for it is; without it errors name the dataset only. */
  readonly fail?: Fail;
}

export interface SavedDataset {
  readonly dataset: Dataset;
  readonly changed: boolean;
  /** What changed, a line each. */
  readonly details: readonly string[];
}

/**
 * Makes a dataset or brings it to a new contract, table included, within the caller's transaction; equal contracts
 * change nothing. Other changes of the catalog wait until that transaction ends.
 * @throws HeadgateError BAD_USER_INPUT for a contract that is not right; CONFLICT when rows or another owner forbid it.
 */
export async function saveDataset(
  tx: Transaction,
  document: DatasetDocument,
  { producedBy, appliedBy, rebuild = false, empty = false, fail = failFor(document.name) }: SaveDatasetOptions,
): Promise<SavedDataset> {
  const checked = checkSchema(DatasetSpec, document);
  if ('problems' in checked) {
    const [problem] = checked.problems;
    return fail(
      (problem?.path ?? []).map((part) => (typeof part === 'number' ? part : String(part))),
      problem?.message ?? 'this is not a dataset',
    );
  }
  const { spec } = checked;
  await lockCatalog(tx);
  const [before] = await loadDatasets(tx, spec.name);
  if (before && before.producedBy === (producedBy ?? null) && isDeepStrictEqual(before.spec, spec)) {
    return { dataset: toDataset(spec, before), changed: false, details: [] };
  }
  const dataset = await storeDataset(tx, spec, { appliedBy, rebuild, empty, fail, ...(producedBy !== undefined && { producedBy }) });
  const catalog = await loadCatalog(tx);
  checkOne(catalog, spec.name, (name) => (name === spec.name ? fail : failFor(name)));
  await withLockTimeout(tx, `The table of ${spec.name}`, () => settleIndexes(tx, catalog));
  await raiseCatalogVersion(tx);
  return { dataset, changed: true, details: describeDataset(before?.spec, spec) };
}

/**
 * Takes a dataset away with its table and rows, within an apply (from a kind's `remove`): at the end of it the Dataset
 * kind refuses with CONFLICT what another dataset still leads to.
 */
export async function removeDataset(tx: Transaction, name: string): Promise<void> {
  await lockCatalog(tx);
  await dropDataset(tx, name);
  await raiseCatalogVersion(tx);
}

/** For what no file asked for. */
export function failFor(name: string): Fail {
  return (path, message, code = 'BAD_USER_INPUT') => {
    throw new HeadgateError(code, describeProblem({ document: `Dataset ${name}`, path: pathText(path), message }), { name, path: pathText(path) });
  };
}
