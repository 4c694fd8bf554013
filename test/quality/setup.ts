import { readFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { from as copyFrom } from 'pg-copy-streams';
import { AuditEntryEntity, AuditLog } from '../../src/audit/index.js';
import { columnType, type Dataset, type Field, type ScalarType } from '../../src/catalog/index.js';
import { camelCase, newId, pascalCase, silentLog } from '../../src/kernel/index.js';
import { QualityCheckEntity, QualityReportEntity, QualityReports } from '../../src/quality/index.js';
import { prepareParser } from '../../src/sql/index.js';
import { Database } from '../../src/store/index.js';
import { createTestDatabase } from '../support/database.js';

export interface World {
  readonly database: Database;
  readonly reports: QualityReports;
  close(): Promise<void>;
}

export async function createWorld(): Promise<World> {
  await prepareParser();
  const { connection, drop } = await createTestDatabase();
  const database = await Database.open({ connection, entities: [AuditEntryEntity, QualityReportEntity, QualityCheckEntity], statementTimeoutMs: 10_000 });
  const audit = new AuditLog({ database, log: silentLog, mode: 'strict' });
  return {
    database,
    reports: new QualityReports({ database, audit }),
    close: async () => {
      await audit.close();
      await database.close();
      await drop();
    },
  };
}

export function field(name: string, type: ScalarType, extra: Partial<Field> = {}): Field {
  return { name, graphqlName: camelCase(name), type, list: false, required: false, tags: [], visibility: 'listed', rules: [], ...extra };
}

export function dataset(name: string, fields: readonly Field[], extra: Partial<Dataset> = {}): Dataset {
  return {
    id: newId(),
    name,
    graphqlName: camelCase(name),
    typeName: pascalCase(name),
    visibility: 'listed',
    fields,
    key: [],
    relations: [],
    indexes: [],
    rules: [],
    contractVersion: 1,
    ...extra,
  };
}

/** A bare table for the dataset, so that a test can put into it what a load would refuse. */
export async function createTable(database: Database, { id, name, typeName, fields }: Dataset): Promise<void> {
  await database.query(`CREATE TABLE data.${name} (${fields.map((f) => `${f.name} ${columnType(f)}`).join(', ')})`);
  await database.query('INSERT INTO headgate.dataset (id, name, type_name, contract_version) VALUES ($1, $2, $3, 1)', [id, name, typeName]);
}

/** The real airports of the vega-datasets package: 3,376 rows. */
export async function copyAirports(database: Database, table: string): Promise<void> {
  const content = await readFile(new URL('../../node_modules/vega-datasets/data/airports.csv', import.meta.url));
  await database.transaction(async ({ client }) => {
    await pipeline(Readable.from([content]), client.query(copyFrom(`COPY ${table} FROM STDIN WITH (FORMAT csv, HEADER true)`)));
  });
}
