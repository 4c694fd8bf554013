import { HeadgateError } from '../kernel/index.js';
import type { DatasetShape } from './dataset-shape.js';
import type { Dataset } from './model.js';

/** Keys that say something of rows which are in the store, and why they can't be had here. */
const OF_LOADS = {
  indexes: 'indexes are made where the rows are',
  rules: 'rules are checked when rows are loaded',
  drift: 'it is about the columns of loaded files',
  maxQuarantine: 'it is about loads',
  quarantine: 'it is about loads',
  freshness: 'it is about loads',
  onErase: 'nobody is erased there from here',
  consent: 'consents are kept here, where a read there can not look them up; load the rows into a dataset of its own',
  cache: 'nobody tells of it when they change there, so answers are not kept',
} as const;

/** What a dataset that stays at its source can't say, and what only such a one can. */
export function checkLive(dataset: DatasetShape, complain: (path: readonly (string | number)[], message: string) => void): void {
  const { source, table, fields } = dataset;
  if (source === undefined) {
    if (table !== undefined) complain(['table'], 'a table needs the source that it is in; say source: as well');
    fields.forEach((field, i) => {
      if (field.column !== undefined) complain(['fields', i, 'column'], 'column names a column at a source, and this dataset has none');
    });
    return;
  }
  if (table === undefined) complain(['source'], 'a live dataset needs the table as well, such as table: billing.invoices');
  const stays = `the rows of ${dataset.name} stay at the source ${source}`;
  for (const [key, reason] of Object.entries(OF_LOADS)) {
    if (dataset[key as keyof typeof OF_LOADS] !== undefined) complain([key], `${stays}, and ${reason}; leave it out`);
  }
  const taken = new Map<string, string>();
  fields.forEach((field, i) => {
    if (field.rules?.length) complain(['fields', i, 'rules'], `${stays}, and ${OF_LOADS.rules}; leave them out`);
    if (field.format !== undefined) complain(['fields', i, 'format'], `${stays}, and a format is about loaded files; leave it out`);
    if (field.aliases !== undefined) complain(['fields', i, 'aliases'], `${stays}, and aliases are of columns of loaded files; say column: instead`);
    if (field.default !== undefined) complain(['fields', i, 'default'], `${stays}, and a default is for loaded rows; leave it out`);
    const column = field.column ?? field.name;
    const other = taken.get(column);
    if (other !== undefined) complain(['fields', i], `${field.name} and ${other} are both the column "${column}"; keep one of them`);
    taken.set(column, field.name);
  });
}

/**
 * For whatever works on rows of the store.
 * @throws HeadgateError CONFLICT for a dataset that stays at its source
 */
export function refuseLive(dataset: Pick<Dataset, 'name' | 'source'>, what: string): void {
  if (!dataset.source) return;
  const { source } = dataset.source;
  throw new HeadgateError(
    'CONFLICT',
    `${dataset.name} stays at the source ${source}: ${what} is for datasets that are stored here. Load its rows into one first.`,
    {
      dataset: dataset.name,
      source,
    },
  );
}
