import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { expect } from 'vitest';
import { until } from '../support/processes.js';
import type { Served } from '../support/served.js';

/** What a refusal has to tell. */
export interface Expected {
  readonly code: string;
  /** What was expected, what came, and how to mend it. */
  readonly says: RegExp;
  /** Among the facts beside the code. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** What no error may hold: a stack, a place in our own code, the words of the database. */
const INTERNAL: readonly RegExp[] = [
  /^\s*at .*[:(]\d+/m,
  /node_modules|[\\/]dist[\\/]|\.[cm]?[jt]s:\d+/,
  /HeadgateError|TypeError|ZodError|GraphQLError|QueryFailedError|DatabaseError/,
  /\b(SELECT|INSERT|COPY|LOCK TABLE)\b.*\b(FROM|INTO|IN)\b|invalid input syntax|violates|relation "|current transaction|unterminated|invalid byte sequence/,
  /\[object Object\]|\bundefined\b|\bNaN\b/,
];

export function expectPlain(text: string): void {
  for (const words of INTERNAL) expect(text).not.toMatch(words);
}

/** An HTTP problem that says what is expected of it, in plain words. */
export async function expectProblem(response: Response, status: number, { code, says, details = {} }: Expected): Promise<Record<string, unknown>> {
  const text = await response.text();
  expectPlain(text);
  expect(response.headers.get('content-type')).toContain('application/problem+json');
  const problem = JSON.parse(text) as Record<string, unknown>;
  expect(problem).toMatchObject({ status, code, detail: expect.stringMatching(says) as string, ...details });
  expect(response.status).toBe(status);
  return problem;
}

function expectSame(after: unknown, before: unknown): void {
  expect(after).toEqual(before);
}

/** Applies manifests that are good, before a test begins. */
export async function applied(served: Served, manifest: string): Promise<void> {
  const admin = await served.token('ada', ['admin']);
  const { errors } = await served.ask(admin, 'mutation ($manifest: String!) { applyManifest(manifest: $manifest) { version } }', { manifest });
  expect(errors).toBeUndefined();
}

/** Loads a file that is good. */
export async function loaded(served: Served, dataset: string, csv: string, headers: Record<string, string> = {}): Promise<void> {
  expect((await served.upload(await served.token('ada', ['admin']), dataset, csv, headers)).status).toBe(200);
}

/** What a request that is over must not have left behind. */
const NOTHING = { transactions: 0, locks: 0, tables: 0, runs: 0, contents: 0, spool: [] };

/** Sees, past all guards, what requests to a served program change and leave behind. */
export class Witness {
  readonly #served: Served;
  readonly #client: pg.Client;

  private constructor(served: Served, client: pg.Client) {
    this.#served = served;
    this.#client = client;
  }

  static async of(served: Served): Promise<Witness> {
    const client = new pg.Client(served.connection);
    await client.connect();
    return new Witness(served, client);
  }

  async close(): Promise<void> {
    await this.#client.end();
  }

  /** Does what is to be refused, and proves that it changed nothing and left nothing behind. */
  async changingNothing<T>(act: () => Promise<T>): Promise<T> {
    const before = await this.#state();
    const result = await act();
    let left: unknown;
    const nothingLeft = async () => JSON.stringify((left = await this.#leftBehind())) === JSON.stringify(NOTHING);
    await until('nothing is left behind', nothingLeft, 5_000).catch(() => undefined);
    expectSame(left, NOTHING);
    expectSame(await this.#state(), before);
    return result;
  }

  /** How the newest run ended. */
  async lastRun(): Promise<{ dataset: string; status: string; code: string; message: string }> {
    return this.#one('SELECT dataset, status, error_code AS code, error_message AS message FROM headgate.run ORDER BY created_at DESC, id DESC LIMIT 1');
  }

  /** The newest entry of the record. */
  async lastEntry(): Promise<{ action: string; decision: string; code: string | null }> {
    return this.#one("SELECT action, decision, details->>'code' AS code FROM headgate.audit_record ORDER BY at DESC, id DESC LIMIT 1");
  }

  async runs(): Promise<number> {
    return (await this.#one<{ count: number }>('SELECT count(*)::int AS count FROM headgate.run')).count;
  }

  async #one<Row>(text: string): Promise<Row> {
    return (await this.#client.query(text)).rows[0] as Row;
  }

  /** All that a request may change, apart from runs and the record. */
  async #state(): Promise<unknown> {
    const control = await this.#one<{ datasets: { name: string }[] | null }>(`SELECT
      (SELECT version FROM headgate.catalog_version) AS version,
      (SELECT json_agg(d ORDER BY name) FROM headgate.dataset d) AS datasets,
      (SELECT json_agg(c ORDER BY dataset_id, version) FROM headgate.dataset_contract c) AS contracts,
      (SELECT json_agg(g ORDER BY name) FROM headgate.access_grant g) AS grants,
      (SELECT json_agg(p ORDER BY name) FROM headgate.purpose p) AS purposes,
      (SELECT json_agg(p ORDER BY name) FROM headgate.pipeline p) AS pipelines,
      (SELECT json_agg(k ORDER BY id) FROM headgate.api_key k) AS keys,
      (SELECT count(*) FROM headgate.ledger_entry) AS ledger,
      (SELECT count(*) FROM headgate.quarantined_row) AS quarantined,
      (SELECT count(*) FROM headgate.quality_report) AS reports,
      (SELECT json_agg(json_build_array(attrelid, relname, attname, atttypid, attnotnull) ORDER BY attrelid, attnum)
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        WHERE relnamespace IN ('data'::regnamespace, 'work'::regnamespace) AND attnum > 0) AS tables`);
    const rows = (control.datasets ?? []).map(
      ({ name }) => `SELECT '${name}' AS name, count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM data."${name}" t`,
    );
    return { control, rows: rows.length > 0 ? (await this.#client.query(rows.join(' UNION ALL '))).rows : [] };
  }

  async #leftBehind(): Promise<unknown> {
    const found = await this.#one<object>(`SELECT
      (SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%') AS transactions,
      (SELECT count(*)::int FROM pg_locks JOIN pg_class ON pg_class.oid = relation WHERE pid <> pg_backend_pid()
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND relnamespace IN ('data'::regnamespace, 'work'::regnamespace)) AS locks,
      (SELECT count(*)::int FROM pg_class WHERE relnamespace = 'work'::regnamespace OR (relpersistence = 't' AND relkind = 'r')) AS tables,
      (SELECT count(*)::int FROM headgate.run WHERE status IN ('QUEUED', 'RUNNING')) AS runs,
      (SELECT count(*)::int FROM headgate.run_content) AS contents`);
    return { ...found, spool: await readdir(join(this.#served.home, 'spool')).catch(() => []) };
  }
}
