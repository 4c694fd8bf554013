import type { Transaction } from '../store/index.js';
import { namesOf } from './loaded-columns.js';
import type { Dataset } from './model.js';

/** How far back the names of a dataset's columns mean what they mean now. */
export interface FieldHistory {
  /** By each name that a column can have: the first version of the contract since which it has been the same field without a break. */
  readonly since: ReadonlyMap<string, number>;
  /** The first version since which no column was taken away, or given to another field. */
  readonly wholeSince: number;
}

interface Version {
  readonly version: number;
  readonly fields: readonly { readonly name: string; readonly aliases?: readonly string[] | null }[];
}

export async function fieldHistory(db: Pick<Transaction, 'query'>, { id, contractVersion }: Pick<Dataset, 'id' | 'contractVersion'>): Promise<FieldHistory> {
  const versions = await db.query<Version>(
    `SELECT version, (SELECT coalesce(jsonb_agg(jsonb_build_object('name', f -> 'name', 'aliases', f -> 'aliases')), '[]') FROM jsonb_array_elements(contract -> 'fields') AS f) AS fields
     FROM headgate.dataset_contract WHERE dataset_id = $1 AND version <= $2 ORDER BY version DESC`,
    [id, contractVersion],
  );
  const [current] = versions;
  const now = current ? columnsOf(current) : new Map<string, string>();
  const since = new Map([...now.keys()].map((column) => [column, contractVersion]));
  const unbroken = new Set(now.keys());
  let wholeSince = contractVersion;
  let isWhole = true;
  for (const before of versions.slice(1)) {
    const columns = columnsOf(before);
    for (const column of unbroken) {
      if (columns.get(column) === now.get(column)) since.set(column, before.version);
      else unbroken.delete(column);
    }
    isWhole &&= [...columns.keys()].every((column) => unbroken.has(column));
    if (isWhole) wholeSince = before.version;
    if (!isWhole && unbroken.size === 0) break;
  }
  return { since, wholeSince };
}

function columnsOf({ fields }: Version): Map<string, string> {
  return new Map(fields.flatMap(({ name, aliases }) => namesOf({ name, ...(aliases && { aliases }) }).map((column) => [column, name] as const)));
}
