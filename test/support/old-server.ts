import pg from 'pg';

/** A PostgreSQL older than the oldest we run on, or why there is none to test with. */
export async function findOldServer(): Promise<{ url: string; major: number } | { reason: string }> {
  const url = process.env['HEADGATE_TEST_OLD_DATABASE_URL'] ?? 'postgres://postgres:postgres@127.0.0.1:5432/postgres';
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ major: number }>("SELECT current_setting('server_version_num')::int / 10000 AS major");
    const major = rows[0]?.major ?? 0;
    if (major < 17) return { url, major };
    return { reason: `the server there is PostgreSQL ${major}, which is not too old (set HEADGATE_TEST_OLD_DATABASE_URL to an older one)` };
  } catch {
    return { reason: 'no PostgreSQL older than 17 answers on 127.0.0.1:5432 (set HEADGATE_TEST_OLD_DATABASE_URL to one)' };
  } finally {
    await client.end().catch(() => undefined);
  }
}
