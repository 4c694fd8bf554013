import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { catalogEntities, columnType, type Dataset, type Field } from '../../src/catalog/index.js';
import { loadConfig } from '../../src/config/index.js';
import { camelCase, HeadgateError, newId, pascalCase, silentLog } from '../../src/kernel/index.js';
import { Loader, QuarantinedRowEntity, type LoadMode, type LoadOutcome, type LoadRequest } from '../../src/ingestion/index.js';
import { Database } from '../../src/store/index.js';
import { createTestDatabase } from '../support/database.js';

export const LIMITS = {
  ...loadConfig({}).limits,
  defaultPage: 50,
  maxPage: 1000,
  maxCost: 1000,
  maxDepth: 12,
  maxAliases: 30,
  maxTokens: 2000,
  maxSubscriptions: 100,
  statementTimeoutMs: 10_000,
  exportTimeoutMs: 10_000,
  maxRequestBytes: 1_000_000,
  maxUploadBytes: 2_000_000_000,
  maxValueBytes: 10_000_000,
};

type FieldInput = Pick<Field, 'name' | 'type'> & Partial<Field>;

/** A dataset's model with the defaults filled in. */
export function dataset(name: string, fields: readonly FieldInput[], more: Partial<Dataset> = {}): Dataset {
  return {
    id: newId(),
    name,
    graphqlName: camelCase(name),
    typeName: pascalCase(name),
    visibility: 'listed',
    fields: fields.map((field) => ({ graphqlName: camelCase(field.name), list: false, required: false, tags: [], visibility: 'listed', rules: [], ...field })),
    key: [],
    relations: [],
    indexes: [],
    rules: [],
    contractVersion: 1,
    ...more,
  };
}

/** Registers a dataset and makes its table as the catalog does. */
export async function install(database: Database, { id, name, typeName, contractVersion, fields, key, indexes }: Dataset): Promise<void> {
  const columns = fields.map(
    (field) => `"${field.name}" ${columnType(field)}${field.type === 'text' ? ' COLLATE "C"' : ''}${field.required ? ' NOT NULL' : ''}`,
  );
  await database.query(
    `CREATE TABLE data."${name}" (${columns.join(', ')}, _rid bytea NOT NULL DEFAULT uuid_send(gen_random_uuid()), _load bigint NOT NULL DEFAULT 0)`,
  );
  if (key.length > 0)
    await database.query(`ALTER TABLE data."${name}" ADD CONSTRAINT "${name}__key" PRIMARY KEY (${key.map((field) => `"${field}"`).join(', ')})`);
  for (const [i, index] of indexes.entries())
    await database.query(`CREATE INDEX "${name}__ix_${i}" ON data."${name}" (${index.map((field) => `"${field}"`).join(', ')})`);
  await database.query(`GRANT SELECT ON data."${name}" TO headgate_reader, headgate_pipeline`);
  await database.query('INSERT INTO headgate.dataset (id, name, type_name, contract_version) VALUES ($1, $2, $3, $4)', [id, name, typeName, contractVersion]);
}

export interface LoadSetup {
  readonly database: Database;
  readonly home: string;
  readonly loader: Loader;
  load(dataset: Dataset, content: string | Uint8Array, more?: Partial<LoadRequest>): Promise<LoadOutcome>;
  /** The error that a load ends with. */
  refusal(dataset: Dataset, content: string | Uint8Array, more?: Partial<LoadRequest>): Promise<HeadgateError>;
  rows(dataset: Dataset, order?: string): Promise<Record<string, unknown>[]>;
  quarantined(
    dataset: Dataset,
  ): Promise<{ line: number; raw: Record<string, string | null>; reasons: { field: string | null; rule: string; message: string }[] }[]>;
  close(): Promise<void>;
}

export async function setup(limits: Partial<typeof LIMITS> = {}): Promise<LoadSetup> {
  const { connection, drop } = await createTestDatabase();
  const home = await mkdtemp(join(tmpdir(), 'headgate-load-'));
  const database = await Database.open({ connection, entities: [...catalogEntities, QuarantinedRowEntity], statementTimeoutMs: 10_000 });
  const config = { home, filesDir: home, limits: { ...LIMITS, ...limits } };
  const loader = new Loader({ database, config, log: silentLog });
  const load = (target: Dataset, content: string | Uint8Array, more: Partial<LoadRequest> = {}) =>
    loader.load({ runId: newId(), dataset: target, source: { content }, format: 'csv', mode: 'append' satisfies LoadMode, ...more });
  return {
    database,
    home,
    loader,
    load,
    refusal: async (...args) => {
      const outcome = await load(...args).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (outcome instanceof HeadgateError) return outcome;
      throw outcome ?? new Error('The load was not refused.');
    },
    rows: ({ name, fields }, order = fields[0]?.name ?? '1') =>
      database.query(`SELECT ${fields.map((field) => `"${field.name}"::text`).join(', ')} FROM data."${name}" ORDER BY "${order}"`),
    quarantined: ({ id }) => database.query('SELECT line::int, raw, reasons FROM headgate.quarantined_row WHERE dataset_id = $1 ORDER BY id', [id]),
    close: async () => {
      await database.close();
      await drop();
      await rm(home, { recursive: true, force: true });
    },
  };
}
