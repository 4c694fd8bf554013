import type { FieldDef } from 'pg';
import type { ScalarType } from '../catalog/index.js';
import type { Transaction } from '../store/index.js';

/** The contract's type for each of PostgreSQL's that a step can give. */
const FIELD_TYPES: Readonly<Record<string, ScalarType>> = {
  text: 'text',
  'character varying': 'text',
  character: 'text',
  smallint: 'integer',
  integer: 'integer',
  bigint: 'bigint',
  numeric: 'decimal',
  real: 'float',
  'double precision': 'float',
  boolean: 'boolean',
  date: 'date',
  'timestamp with time zone': 'timestamp',
  'timestamp without time zone': 'timestamp',
  'time without time zone': 'time',
  uuid: 'uuid',
  jsonb: 'json',
  json: 'json',
};

/** `numeric[]` -> decimal[]; nothing for a type that no field can have. */
export function fieldType(postgresType: string): `${ScalarType}` | `${ScalarType}[]` | undefined {
  const list = postgresType.endsWith('[]');
  const type = FIELD_TYPES[list ? postgresType.slice(0, -2) : postgresType];
  return type && (list ? `${type}[]` : type);
}

/**
 * The columns of a statement with their types, as PostgreSQL sees them: it is planned, and reads no row.
 * Within a savepoint, as the role of pipelines: what it refuses leaves the transaction as it was.
 * @throws pg.DatabaseError for what only PostgreSQL can know: types that do not fit, functions with other arguments.
 */
export async function columnTypes(tx: Transaction, statement: string): Promise<ReadonlyMap<string, string>> {
  await tx.query('SAVEPOINT column_types');
  let fields: FieldDef[];
  try {
    await tx.query('SET LOCAL ROLE headgate_pipeline');
    ({ fields } = await tx.client.query(`SELECT * FROM (${statement}) AS q LIMIT 0`));
  } catch (error) {
    await tx.query('ROLLBACK TO SAVEPOINT column_types');
    throw error;
  }
  // Back to what it was, the role included.
  await tx.query('ROLLBACK TO SAVEPOINT column_types');
  const named = await tx.query<{ oid: string; type: string }>('SELECT oid::text AS oid, format_type(oid, NULL) AS type FROM unnest($1::oid[]) AS t(oid)', [
    fields.map(({ dataTypeID }) => dataTypeID),
  ]);
  const byOid = new Map(named.map(({ oid, type }) => [oid, type]));
  return new Map(fields.map(({ name, dataTypeID }) => [name, byOid.get(String(dataTypeID)) ?? 'unknown']));
}
