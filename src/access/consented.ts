import { consentSql, type DatasetDecision } from '../governance/index.js';
import type { Sql } from '../sql/index.js';
import type { Table } from './table.js';

interface Names {
  /** One parameter, however often the purpose is named. */
  purpose(name: string): Sql;
  nextAlias(prefix: string): Sql;
}

/**
 * The condition of consent, if the decision has one. It stands directly above the table like the row filter, so that a person who
 * did not consent is one that is not there.
 */
export function consented({ consent, dataset }: DatasetDecision, table: Table, names: Names): readonly Sql[] {
  if (!consent) return [];
  if (dataset.source || consent.subject === undefined) throw new Error(`nobody can be asked whether they consented to reads of ${dataset.name}`);
  return [consentSql(table.column(consent.subject), names.purpose(consent.purpose), names.nextAlias('e'))];
}
