import { AuditLog } from '../../src/audit/index.js';
import {
  applyManifests,
  catalogEntities,
  datasetKind,
  loadCatalog,
  purposeKind,
  sourceKind,
  type ApplyResult,
  type Catalog,
  type ManifestKind,
} from '../../src/catalog/index.js';
import { isHeadgateError, silentLog, type HeadgateError } from '../../src/kernel/index.js';
import { Database } from '../../src/store/index.js';
import { createTestDatabase } from '../support/database.js';

export const KINDS: readonly ManifestKind[] = [purposeKind, sourceKind, datasetKind];

export interface World {
  readonly database: Database;
  readonly connection: Awaited<ReturnType<typeof createTestDatabase>>['connection'];
  readonly audit: AuditLog;
  /** What is on the record, oldest first. */
  entries(): Promise<unknown[]>;
  apply(text: string, options?: { dryRun?: boolean; prune?: boolean; kinds?: readonly ManifestKind[] }): Promise<ApplyResult>;
  catalog(): Promise<Catalog>;
  /** What there is, to see that nothing changed: tables with columns, constraints and indexes, and the rows of the catalog. */
  snapshot(): Promise<unknown>;
  close(): Promise<void>;
}

export async function createWorld(): Promise<World> {
  const { connection, drop } = await createTestDatabase();
  const database = await Database.open({ connection, entities: [...catalogEntities], statementTimeoutMs: 10_000 });
  const audit = new AuditLog({ database, log: silentLog, mode: 'strict' });
  return {
    database,
    connection,
    audit,
    entries: () =>
      database.query(
        "SELECT principal, action, dataset, decision, details->>'kind' AS kind, details->>'change' AS change FROM headgate.audit_record ORDER BY at, id",
      ),
    apply: (text, { kinds = KINDS, ...options } = {}) =>
      applyManifests({ database, kinds, audit, actor: { subject: 'ada', roles: ['engineer'] }, files: [{ file: 'm.yaml', text }], ...options }),
    catalog: () => database.transaction(loadCatalog, 'REPEATABLE READ'),
    snapshot: () => snapshot(database),
    close: async () => {
      await audit.close();
      await database.close();
      await drop();
    },
  };
}

async function snapshot(database: Database): Promise<unknown> {
  const tables = await database.query(`SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace IN ('data'::regnamespace, 'work'::regnamespace) ORDER BY 1, 2`);
  const rows = await database.query(`SELECT d.name, d.type_name, d.contract_version, d.updated_at, c.version, c.contract
    FROM headgate.dataset d JOIN headgate.dataset_contract c ON c.dataset_id = d.id ORDER BY d.name, c.version`);
  const rest = await database.query(
    `SELECT (SELECT version FROM headgate.catalog_version), (SELECT jsonb_agg(p ORDER BY name) FROM headgate.purpose p) AS purposes`,
  );
  return { tables, rows, rest };
}

/** The error that a promise ends with. */
export async function errorOf(promise: Promise<unknown>): Promise<HeadgateError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isHeadgateError(error)) throw new Error(`expected a HeadgateError, and got ${String(error)}`, { cause: error });
  return error;
}
