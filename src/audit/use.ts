import type { Database } from '../store/index.js';

/** What was read by somebody in one way, over a time. */
export interface Use {
  readonly principal: string;
  readonly roles: readonly string[];
  readonly purpose: string | null;
  readonly dataset: string;
  readonly action: string;
  /** Fields that they saw plain or masked. */
  readonly fields: readonly string[];
  readonly acts: number;
  readonly last: Date;
}

/** The acts on datasets that were allowed since a moment, one line for all that are of one kind. */
export async function usesSince(database: Database, since: Date): Promise<readonly Use[]> {
  return database.query<Use>(
    `SELECT principal, roles, purpose, dataset, action, count(*)::int AS acts, max(at) AS last,
        ARRAY(SELECT DISTINCT field FROM unnest(array_agg(DISTINCT (array_to_json(fields || masked))::text)) AS list, json_array_elements_text(list::json) AS field ORDER BY field) AS fields
       FROM headgate.audit_record
      WHERE at >= $1 AND decision = 'ALLOWED' AND dataset IS NOT NULL AND action IN ('read', 'export', 'subscribe', 'ingest', 'detokenize')
      GROUP BY principal, roles, purpose, dataset, action`,
    [since],
  );
}

/** Somebody who saw values of a field as they are. */
export interface Sight {
  readonly dataset: string;
  readonly field: string;
  readonly principal: string;
  readonly purposes: readonly string[];
  readonly acts: number;
  readonly rows: string;
  readonly last: Date;
}

/** Who was given the fields plain since a moment, most recent first. */
export async function sightsSince(
  database: Database,
  since: Date,
  fields: readonly { readonly dataset: string; readonly field: string }[],
): Promise<readonly Sight[]> {
  return database.query<Sight>(
    `SELECT wanted.dataset, wanted.field, entry.principal, array_remove(array_agg(DISTINCT entry.purpose), NULL) AS purposes,
        count(*)::int AS acts, coalesce(sum(entry.row_count), 0)::text AS rows, max(entry.at) AS last
       FROM unnest($2::text[], $3::text[]) AS wanted (dataset, field)
       JOIN headgate.audit_record AS entry ON entry.dataset = wanted.dataset AND wanted.field = ANY (entry.fields)
      WHERE entry.at >= $1 AND entry.decision = 'ALLOWED'
      GROUP BY wanted.dataset, wanted.field, entry.principal ORDER BY last DESC, 1, 2, 3`,
    [since, fields.map(({ dataset }) => dataset), fields.map(({ field }) => field)],
  );
}
