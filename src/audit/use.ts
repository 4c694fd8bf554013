import type { Database } from '../store/index.js';

/** The end of a file is told once more, with its rows. */
const ACTS = "(count(*) FILTER (WHERE details ->> 'state' IS DISTINCT FROM 'finished'))::int";

/** The right by which something was done with a dataset; null for what no grant is asked for. */
const RIGHT = `CASE
  WHEN action = 'read' AND details ? 'subscription' THEN 'subscribe'
  WHEN action = 'subject.export' AND details ->> 'state' = 'quarantine' THEN 'export'
  -- Who oversees looks at the rest of a refused row, without its fields.
  WHEN action = 'quarantine' AND cardinality(fields) > 0 THEN 'read'
  WHEN action IN ('read', 'export', 'subscribe', 'ingest', 'detokenize') THEN action
END`;

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
    `SELECT principal, roles, purpose, dataset, ${RIGHT} AS action, ${ACTS} AS acts, max(at) AS last,
        ARRAY(SELECT DISTINCT field FROM unnest(array_agg(DISTINCT (array_to_json(fields || masked))::text)) AS list, json_array_elements_text(list::json) AS field ORDER BY field) AS fields
       FROM headgate.audit_record
      WHERE at >= $1 AND decision = 'ALLOWED' AND dataset IS NOT NULL AND ${RIGHT} IS NOT NULL
      GROUP BY principal, roles, purpose, dataset, ${RIGHT}`,
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
        ${ACTS} AS acts, coalesce(sum(entry.row_count), 0)::text AS rows, max(entry.at) AS last
       FROM unnest($2::text[], $3::text[]) AS wanted (dataset, field)
       JOIN headgate.audit_record AS entry ON entry.dataset = wanted.dataset AND wanted.field = ANY (entry.fields)
      WHERE entry.at >= $1 AND entry.decision = 'ALLOWED'
      GROUP BY wanted.dataset, wanted.field, entry.principal ORDER BY last DESC, 1, 2, 3`,
    [since, fields.map(({ dataset }) => dataset), fields.map(({ field }) => field)],
  );
}
