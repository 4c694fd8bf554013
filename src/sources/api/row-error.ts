import type { FetchedDataset } from '../../catalog/index.js';
import { HeadgateError } from '../../kernel/index.js';
import type { WantedRows } from './wanted-rows.js';

/** The answer is not what the contract says: names alone, and none of its values. */
export function unlike({ name, source: { source } }: FetchedDataset, what: string): HeadgateError {
  return new HeadgateError('CONTRACT_VIOLATION', `${name} is not as its contract says at the source ${source}: ${what}.`, { dataset: name, source });
}

/** More would have to be fetched than one part of an answer may take. */
export function tooMuch({ dataset, told, byKey }: WantedRows, what: string, limit: number): HeadgateError {
  const { name, source } = dataset;
  const filters = filtersOf(dataset, byKey !== undefined).filter(({ field }) => told.has(field));
  const texts = filters.map(({ graphqlName, operators }) => `${graphqlName} (${operators.join(', ')})`);
  const mend =
    texts.length > 0
      ? `Filter by what the source can be asked for: ${texts.join(', ')}.`
      : 'The source can not be asked for fewer of them, so the limits of the dataset would have to be larger.';
  return new HeadgateError(
    'QUERY_TOO_COMPLEX',
    `For this, more than ${limit} ${what} of ${name} would be fetched from the source ${source.source}, and no more may be. ${mend}`,
    {
      source: source.source,
      dataset: name,
      limit,
      filters: filters.map(({ graphqlName }) => graphqlName),
    },
  );
}

/** What an API can be asked for, by field: its filters, and its key where rows are got by it. */
function filtersOf(
  dataset: FetchedDataset,
  isByKey: boolean,
): readonly { readonly field: string; readonly graphqlName: string; readonly operators: readonly string[] }[] {
  const rows = 'http' in dataset.source ? dataset.source.http : dataset.source.graphql;
  const byKey = rows.batch ? ['eq', 'in'] : rows.get ? ['eq'] : [];
  return dataset.fields.flatMap(({ name, graphqlName }) => {
    const declared = isByKey ? [] : Object.keys(rows.list?.filters?.[name] ?? {});
    const operators = [...new Set([...(dataset.key.includes(name) ? byKey : []), ...declared])];
    return operators.length > 0 ? [{ field: name, graphqlName, operators }] : [];
  });
}
