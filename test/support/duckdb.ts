import { DuckDBInstance } from '@duckdb/node-api';

/** An independent reader and writer of files: what we read is compared with what it reads. */
export async function duckdb(): Promise<{ query: (sql: string) => Promise<Record<string, unknown>[]>; close: () => void }> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'");
  return {
    query: async (sql) => (await connection.runAndReadAll(sql)).getRowObjectsJson(),
    close: () => {
      connection.closeSync();
      instance.closeSync();
    },
  };
}
