import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The sealed audit entries, a part for each month: what is asked of the record mostly asks of the last weeks, and an index
 * of one month stays small. The rows that are there stay where they are and become the first part.
 *
 * There is no default part: to attach a month beside one would lock out every reader until it was searched. Two parts at the
 * ends of time take what clocks and hands may write, and the sealer makes the months between.
 */
export class AuditMonths1700000000005 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    const run = async (...statements: readonly string[]): Promise<void> => {
      for (const statement of statements) await runner.query(statement);
    };
    await run(
      'DROP VIEW headgate.audit_record',
      'ALTER TABLE headgate.audit_entry RENAME TO audit_entry_before',
      'ALTER TABLE headgate.audit_entry_before DROP CONSTRAINT audit_entry_pkey',
      'ALTER TABLE headgate.audit_entry_before ADD PRIMARY KEY (seq, at)',
      ...OLD_INDEXES.map((name) => `ALTER INDEX headgate.${name} RENAME TO ${name.replace('entry', 'entry_before')}`),
      'CREATE TABLE headgate.audit_entry (LIKE headgate.audit_entry_before INCLUDING DEFAULTS) PARTITION BY RANGE (at)',
      ...INDEXES,
    );
    // What is there is of this month or earlier; unless a clock was wrong, and then this part reaches as far as it went.
    const [bounds] = (await runner.query(BOUNDS)) as readonly { readonly upper: string; readonly late: string }[];
    if (!bounds) throw new Error('The bounds of the audit could not be read.');
    await run(
      `ALTER TABLE headgate.audit_entry ATTACH PARTITION headgate.audit_entry_before FOR VALUES FROM (MINVALUE) TO ('${bounds.upper} 00:00:00+00')`,
      `CREATE TABLE headgate.audit_entry_late PARTITION OF headgate.audit_entry FOR VALUES FROM ('${bounds.late} 00:00:00+00') TO (MAXVALUE)`,
      RECORD,
      RECEIVER,
    );
    // So that the planner knows of the indexes' expressions what it knows of columns.
    await run('ANALYZE headgate.audit_entry');
  }

  async down(): Promise<void> {
    throw new Error('The control schema is not taken back: restore a backup instead.');
  }
}

const BOUNDS = `SELECT to_char(upper, 'YYYY-MM-DD') AS upper, to_char(greatest(upper, '2100-01-01'), 'YYYY-MM-DD') AS late
  FROM (SELECT max(at) AT TIME ZONE 'UTC' AS newest, now() AT TIME ZONE 'UTC' AS today FROM headgate.audit_entry_before) AS found,
  LATERAL (SELECT date_trunc('month', greatest(newest, today)) + CASE WHEN newest IS NULL THEN interval '0' ELSE interval '1 month' END AS upper) AS bound`;

const OLD_INDEXES = ['audit_entry_recent', 'audit_entry_of_principal', 'audit_entry_of_dataset'];

/**
 * One for each condition of a search, in the order in which pages are shown. What nearly every entry has (a read, allowed)
 * needs none: the newest entries hold enough of it. An index of a table with parts holds the key of the parts, so that
 * no number is twice in one month; `audit verify` finds one that is in two.
 */
const INDEXES = [
  'ALTER TABLE headgate.audit_entry ADD PRIMARY KEY (seq, at)',
  'CREATE UNIQUE INDEX audit_entry_recent ON headgate.audit_entry (at DESC, id DESC)',
  'CREATE INDEX audit_entry_of_principal ON headgate.audit_entry (principal, at DESC)',
  'CREATE INDEX audit_entry_of_dataset ON headgate.audit_entry (dataset, at DESC)',
  'CREATE INDEX audit_entry_of_purpose ON headgate.audit_entry (purpose, at DESC) WHERE purpose IS NOT NULL',
  "CREATE INDEX audit_entry_of_action ON headgate.audit_entry (action, at DESC) WHERE action <> 'read'",
  "CREATE INDEX audit_entry_of_decision ON headgate.audit_entry (decision, at DESC) WHERE decision <> 'ALLOWED'",
  "CREATE INDEX audit_entry_of_subject ON headgate.audit_entry ((details ->> 'subject'), at DESC) WHERE details ->> 'subject' IS NOT NULL",
  'CREATE INDEX audit_entry_of_field ON headgate.audit_entry USING gin ((fields || masked))',
];

/** As it was, over all parts. */
const RECORD = `CREATE VIEW headgate.audit_record AS
  SELECT id, at, principal, roles, purpose, action, dataset, fields, masked, decision, row_count, operation_hash, duration_ms, details, seq, prev_hash, hash
  FROM headgate.audit_entry
  UNION ALL
  SELECT fact.*, NULL::bigint, NULL::text, NULL::text
  FROM headgate.audit_pending, json_to_recordset(entries) AS fact(id uuid, at timestamptz(3), principal text, roles text[], purpose text, action text,
    dataset text, fields text[], masked text[], decision text, row_count bigint, operation_hash text, duration_ms double precision, details jsonb)`;

/** Where checkpoints are posted to, by the hash of its URL (which may hold a secret), and up to which one it said that it has them. */
const RECEIVER = `CREATE TABLE headgate.audit_receiver (
  url_hash text PRIMARY KEY,
  seq bigint NOT NULL,
  acknowledged_at timestamptz NOT NULL DEFAULT now()
)`;
