import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The control schema: `headgate` holds what Headgate knows, `data` the typed tables of the datasets (one a dataset, by
 * its name), `work` what loads and pipelines need while they run.
 */
export class ControlSchema1700000000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [...CATALOG, ...LIFECYCLE, ...QUALITY, ...AUDIT, ...IDENTITY, ...RIGHTS]) await runner.query(statement);
  }

  async down(): Promise<void> {
    throw new Error('The control schema is not taken back: restore a backup instead.');
  }
}

const CATALOG = [
  'CREATE SCHEMA IF NOT EXISTS headgate',
  'CREATE SCHEMA IF NOT EXISTS data',
  'CREATE SCHEMA IF NOT EXISTS work',
  // One row: each change of catalog or grants raises it in its own transaction and notifies headgate_catalog.
  `CREATE TABLE headgate.catalog_version (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    version bigint NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
  )`,
  'INSERT INTO headgate.catalog_version (version) VALUES (1)',
  `CREATE TABLE headgate.purpose (
    name text PRIMARY KEY,
    description text,
    lawful_basis text
  )`,
  `CREATE TABLE headgate.dataset (
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE,
    -- Deferred, so that two datasets can exchange their types in one apply.
    type_name text NOT NULL UNIQUE DEFERRABLE INITIALLY DEFERRED,
    contract_version integer NOT NULL,
    produced_by text,
    stage text NOT NULL DEFAULT 'INGESTION',
    data_version bigint NOT NULL DEFAULT 0,
    row_count bigint NOT NULL DEFAULT 0,
    loaded_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
  )`,
  `CREATE TABLE headgate.dataset_contract (
    dataset_id uuid NOT NULL REFERENCES headgate.dataset ON DELETE CASCADE,
    version integer NOT NULL,
    contract jsonb NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (dataset_id, version)
  )`,
  `CREATE TABLE headgate.access_grant (
    name text PRIMARY KEY,
    spec jsonb NOT NULL,
    updated_by text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
  )`,
  // inputs: the datasets that it reads; output: the one that it makes.
  `CREATE TABLE headgate.pipeline (
    name text PRIMARY KEY,
    spec jsonb NOT NULL,
    inputs text[] NOT NULL DEFAULT '{}',
    output text NOT NULL,
    updated_by text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
  )`,
];

const LIFECYCLE = [
  `CREATE TABLE headgate.run (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    status text NOT NULL,
    dataset text,
    pipeline text,
    input jsonb NOT NULL DEFAULT '{}',
    requested_by text NOT NULL,
    requested_with text,
    idempotency_key text,
    resumable boolean NOT NULL DEFAULT true,
    attempt integer NOT NULL DEFAULT 0,
    worker text,
    heartbeat_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz,
    rows_read bigint NOT NULL DEFAULT 0,
    rows_loaded bigint NOT NULL DEFAULT 0,
    rows_quarantined bigint NOT NULL DEFAULT 0,
    rows_deduplicated bigint NOT NULL DEFAULT 0,
    bytes_read bigint NOT NULL DEFAULT 0,
    bytes_total bigint,
    error_code text,
    error_message text,
    error_details jsonb,
    CHECK (status <> 'SUCCEEDED' OR rows_read = rows_loaded + rows_quarantined + rows_deduplicated OR kind <> 'INGESTION')
  )`,
  'CREATE INDEX run_recent ON headgate.run (created_at DESC, id DESC)',
  'CREATE INDEX run_of_dataset ON headgate.run (dataset, created_at DESC, id DESC)',
  'CREATE INDEX run_of_pipeline ON headgate.run (pipeline, created_at DESC, id DESC) WHERE pipeline IS NOT NULL',
  "CREATE INDEX run_open ON headgate.run (status, heartbeat_at) WHERE status IN ('QUEUED', 'RUNNING')",
  // A run that failed or was cancelled gives its key free: the same request may be sent again.
  `CREATE UNIQUE INDEX run_idempotency ON headgate.run (dataset, idempotency_key)
    WHERE idempotency_key IS NOT NULL AND status NOT IN ('FAILED', 'CANCELLED')`,
  `CREATE TABLE headgate.run_step (
    run_id uuid NOT NULL REFERENCES headgate.run ON DELETE CASCADE,
    position integer NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    status text NOT NULL,
    attempt integer NOT NULL DEFAULT 1,
    started_at timestamptz,
    finished_at timestamptz,
    rows_in bigint,
    rows_out bigint,
    statement text,
    PRIMARY KEY (run_id, position)
  )`,
  // Content that came inline with a mutation, until its run has ended.
  `CREATE TABLE headgate.run_content (
    run_id uuid PRIMARY KEY REFERENCES headgate.run ON DELETE CASCADE,
    content bytea NOT NULL
  )`,
  // What was loaded, so that a repeated load is recognised: by its key, or by the hash of the unpacked file.
  `CREATE TABLE headgate.ledger_entry (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dataset_id uuid NOT NULL REFERENCES headgate.dataset ON DELETE CASCADE,
    run_id uuid NOT NULL,
    mode text NOT NULL,
    content_hash text NOT NULL,
    idempotency_key text,
    contract_version integer NOT NULL,
    rows_read bigint NOT NULL,
    rows_loaded bigint NOT NULL,
    rows_quarantined bigint NOT NULL,
    rows_deduplicated bigint NOT NULL,
    bytes bigint NOT NULL,
    data_version bigint NOT NULL,
    row_count bigint NOT NULL,
    changed boolean NOT NULL,
    CHECK (rows_read = rows_loaded + rows_quarantined + rows_deduplicated),
    created_at timestamptz NOT NULL DEFAULT now()
  )`,
  'CREATE INDEX ledger_hash ON headgate.ledger_entry (dataset_id, content_hash)',
  'CREATE UNIQUE INDEX ledger_key ON headgate.ledger_entry (dataset_id, idempotency_key) WHERE idempotency_key IS NOT NULL',
  // raw: column name -> the text that came; reasons: [{ field, rule, message }], without the value.
  `CREATE TABLE headgate.quarantined_row (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dataset_id uuid NOT NULL REFERENCES headgate.dataset ON DELETE CASCADE,
    run_id uuid NOT NULL,
    line bigint NOT NULL,
    raw jsonb NOT NULL,
    reasons jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
  )`,
  'CREATE INDEX quarantined_row_of_dataset ON headgate.quarantined_row (dataset_id, id)',
];

const QUALITY = [
  `CREATE TABLE headgate.quality_report (
    id uuid PRIMARY KEY,
    dataset text NOT NULL,
    contract_version integer NOT NULL,
    data_version bigint NOT NULL,
    run_id uuid,
    row_count bigint NOT NULL,
    score double precision,
    accuracy double precision,
    completeness double precision,
    consistency double precision,
    timeliness double precision,
    created_at timestamptz NOT NULL DEFAULT now()
  )`,
  'CREATE INDEX quality_report_of_dataset ON headgate.quality_report (dataset, created_at DESC, id DESC)',
  'CREATE INDEX quality_report_recent ON headgate.quality_report (created_at DESC, id DESC)',
  `CREATE TABLE headgate.quality_check (
    report_id uuid NOT NULL REFERENCES headgate.quality_report ON DELETE CASCADE,
    position integer NOT NULL,
    name text NOT NULL,
    dimension text NOT NULL,
    severity text NOT NULL,
    status text NOT NULL,
    fields text[] NOT NULL DEFAULT '{}',
    observed text,
    expected text,
    failing_rows bigint,
    PRIMARY KEY (report_id, position)
  )`,
];

const AUDIT = [
  // Acts as they are written, one row for all that were committed together: an answer waits for it, so it costs one row and
  // one index. The sealer moves what is in it to audit_entry. Not compressed: that costs more time than the bytes do.
  `CREATE TABLE headgate.audit_pending (
    id uuid PRIMARY KEY,
    size integer NOT NULL,
    entries json NOT NULL
  ) WITH (toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)`,
  'ALTER TABLE headgate.audit_pending ALTER COLUMN entries SET STORAGE EXTERNAL',
  // Entries with their place in the chain; they never change.
  `CREATE TABLE headgate.audit_entry (
    id uuid NOT NULL,
    at timestamptz(3) NOT NULL,
    principal text NOT NULL,
    roles text[] NOT NULL DEFAULT '{}',
    purpose text,
    action text NOT NULL,
    dataset text,
    fields text[] NOT NULL DEFAULT '{}',
    masked text[] NOT NULL DEFAULT '{}',
    decision text NOT NULL,
    row_count bigint,
    operation_hash text,
    duration_ms double precision,
    details jsonb NOT NULL DEFAULT '{}',
    seq bigint PRIMARY KEY,
    prev_hash text,
    hash text
  )`,
  'CREATE UNIQUE INDEX audit_entry_recent ON headgate.audit_entry (at DESC, id DESC)',
  'CREATE INDEX audit_entry_of_principal ON headgate.audit_entry (principal, at DESC)',
  'CREATE INDEX audit_entry_of_dataset ON headgate.audit_entry (dataset, at DESC)',
  // The whole record: what is sealed, and what is not yet.
  `CREATE VIEW headgate.audit_record AS
    SELECT id, at, principal, roles, purpose, action, dataset, fields, masked, decision, row_count, operation_hash, duration_ms, details, seq, prev_hash, hash
    FROM headgate.audit_entry
    UNION ALL
    SELECT fact.*, NULL::bigint, NULL::text, NULL::text
    FROM headgate.audit_pending, json_to_recordset(entries) AS fact(id uuid, at timestamptz(3), principal text, roles text[], purpose text, action text,
      dataset text, fields text[], masked text[], decision text, row_count bigint, operation_hash text, duration_ms double precision, details jsonb)`,
  `CREATE TABLE headgate.audit_checkpoint (
    seq bigint PRIMARY KEY,
    hash text NOT NULL,
    at timestamptz(3) NOT NULL,
    previous text,
    signature text NOT NULL,
    key_id text NOT NULL
  )`,
];

const IDENTITY = [
  `CREATE TABLE headgate.api_key (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    key_hash text NOT NULL UNIQUE,
    subject text NOT NULL,
    roles text[] NOT NULL,
    purposes text[] NOT NULL DEFAULT '{}',
    claims jsonb NOT NULL DEFAULT '{}',
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz
  )`,
  `CREATE TABLE headgate.revoked_token (
    id text PRIMARY KEY,
    revoked_by text NOT NULL,
    revoked_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
  )`,
];

const RIGHTS = [
  'REVOKE ALL ON SCHEMA headgate, data, work FROM PUBLIC',
  'GRANT USAGE ON SCHEMA data TO headgate_reader, headgate_pipeline',
  'GRANT USAGE, CREATE ON SCHEMA work TO headgate_pipeline',
];
