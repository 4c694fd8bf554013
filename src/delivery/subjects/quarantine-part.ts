import { Readable } from 'node:stream';
import type { Dataset } from '../../catalog/index.js';
import { param, render, sql } from '../../sql/index.js';
import type { Database } from '../../store/index.js';
import { inQuarantine } from './erase-rows.js';
import type { SubjectDataset } from './subject.js';

const PAGE = 500;

interface RefusedRow {
  readonly id: string;
  readonly raw: Readonly<Record<string, string | null>>;
}

/** Puts the values of encrypted fields in the places of their envelopes; null for one that nobody can open any more. */
export type OpenRefused = (dataset: Dataset, rows: readonly RefusedRow[]) => Promise<readonly RefusedRow[]>;

/** The refused rows about a person, as a JSON list. For those who may export every field of the dataset plain, in every row. */
export function quarantinePart(
  database: Pick<Database, 'query'>,
  target: SubjectDataset,
  subject: string,
  open: OpenRefused,
): { readonly body: Readable; readonly rowCount: () => number } {
  let rowCount = 0;
  async function* rows(): AsyncGenerator<Buffer> {
    let after = '0';
    for (;;) {
      const { text, values } = render(
        sql`SELECT q.id::text AS id, q.line::text AS line, q.raw, q.reasons, q.created_at AS "createdAt" FROM headgate.quarantined_row q WHERE ${inQuarantine(target, subject)} AND q.id > ${param(after, 'bigint')} ORDER BY q.id LIMIT ${param(PAGE, 'int')}`,
      );
      const page = await open(target.dataset, await database.query<RefusedRow>(text, values));
      for (const row of page) {
        yield Buffer.from(`${rowCount === 0 ? '[' : ','}${JSON.stringify(row)}\n`);
        rowCount += 1;
        after = row.id;
      }
      if (page.length < PAGE) break;
    }
    yield Buffer.from(rowCount === 0 ? '[]\n' : ']\n');
  }
  return { body: Readable.from(rows(), { objectMode: false }), rowCount: () => rowCount };
}

/** How many there are. */
export async function countQuarantine(database: Pick<Database, 'query'>, target: SubjectDataset, subject: string): Promise<number> {
  const { text, values } = render(sql`SELECT count(*)::int AS n FROM headgate.quarantined_row q WHERE ${inQuarantine(target, subject)}`);
  const [found] = await database.query<{ n: number }>(text, values);
  return found?.n ?? 0;
}
