import { Readable } from 'node:stream';
import { param, render, sql } from '../../sql/index.js';
import type { Database } from '../../store/index.js';
import { inQuarantine } from './erase-rows.js';
import type { SubjectDataset } from './subject.js';

const PAGE = 500;

/** The refused rows about a person, as a JSON list. For those who may export every field of the dataset plain, in every row. */
export function quarantinePart(
  database: Pick<Database, 'query'>,
  target: SubjectDataset,
  subject: string,
): { readonly body: Readable; readonly rowCount: () => number } {
  let rowCount = 0;
  const encrypted = new Set(target.dataset.fields.flatMap(({ name, encrypted: is }) => (is ? [name] : [])));
  async function* rows(): AsyncGenerator<Buffer> {
    let after = '0';
    for (;;) {
      const { text, values } = render(
        sql`SELECT q.id::text AS id, q.line::text AS line, q.raw, q.reasons, q.created_at AS "createdAt" FROM headgate.quarantined_row q WHERE ${inQuarantine(target, subject)} AND q.id > ${param(after, 'bigint')} ORDER BY q.id LIMIT ${param(PAGE, 'int')}`,
      );
      const page = await database.query<{ id: string; raw: Record<string, string | null> }>(text, values);
      for (const row of page) {
        // What was encrypted before it was refused stays closed: its row has no subject that is known to be one.
        const raw = Object.fromEntries(Object.entries(row.raw).map(([name, text]) => [name, encrypted.has(name) ? null : text]));
        yield Buffer.from(`${rowCount === 0 ? '[' : ','}${JSON.stringify({ ...row, raw })}\n`);
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
