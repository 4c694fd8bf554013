import pg from 'pg';
import type { Field, ScalarType } from '../../src/catalog/index.js';
import { columnType } from '../../src/catalog/index.js';
import { MaskSpec, maskSql } from '../../src/governance/mask.js';
import { maskKeys } from '../../src/governance/mask-keys.js';
import { literal, param, render, sql, raw } from '../../src/sql/index.js';
import { KeyRing } from '../../src/store/index.js';
import { createTestDatabase } from '../support/database.js';

export const keyRing = new KeyRing(Buffer.alloc(32, 7));

export function field(type: ScalarType, list = false): Field {
  return { name: 'secret', graphqlName: 'secret', type, list, required: false, tags: [], visibility: 'listed', rules: [] };
}

/** A session like the reader's, in which masks are computed over values given as text. */
export class MaskBench {
  readonly client: pg.Client;
  readonly #drop: () => Promise<void>;

  private constructor(client: pg.Client, drop: () => Promise<void>) {
    this.client = client;
    this.#drop = drop;
  }

  static async open(timezone = 'UTC'): Promise<MaskBench> {
    const { connection, drop } = await createTestDatabase();
    const client = new pg.Client({ ...connection, options: `-c search_path=pg_catalog -c timezone=${timezone} -c datestyle=ISO,YMD -c extra_float_digits=1` });
    await client.connect();
    return new MaskBench(client, drop);
  }

  async close(): Promise<void> {
    await this.client.end();
    await this.#drop();
  }

  /** The masked values as texts; throws when one has another type than the field. */
  async mask(spec: unknown, of: Field, values: readonly (string | null)[]): Promise<(string | null)[]> {
    const masked = maskSql(MaskSpec.parse(spec), of, 'people', raw('t.secret'), maskKeys(keyRing));
    const type = columnType(of);
    // OFFSET 0 keeps the values a column, as in a table: constants would be folded when the statement is planned.
    const statement = render(
      sql`SELECT x.v::text AS v, pg_typeof(x.v) = ${literal(type)}::regtype AS kept
          FROM (SELECT n, v::${raw(type)} AS secret FROM unnest(${param(values, 'text[]')}) WITH ORDINALITY AS u(v, n) OFFSET 0) AS t, LATERAL (SELECT ${masked} AS v) AS x ORDER BY t.n`,
    );
    const { rows } = await this.client.query<{ v: string | null; kept: boolean }>(statement.text, [...statement.values]);
    if (!rows.every((row) => row.kept)) throw new Error(`The mask does not keep the type ${type}.`);
    return rows.map((row) => row.v);
  }
}
