import type pg from 'pg';
import { to } from 'pg-copy-streams';
import type { Database, Transaction } from '../store/index.js';
import { ENTRY_COLUMNS, type EntryText } from './chain.js';

const LINE_END = 0x0a;

/**
 * All sealed entries by `seq`, as the transaction sees them, some at a time. They come by COPY: its lines are taken apart in
 * half the time that the fields of a query's rows take. It has a session of its own, which ends with it: whoever stops in the
 * middle need not wait for the rest.
 */
export async function* sealedEntries(database: Database, tx: Transaction): AsyncGenerator<readonly EntryText[]> {
  const client = await database.pool.connect();
  let isDone = false;
  try {
    await seeAs(client, tx);
    const copy = client.query(to(`COPY (SELECT ${ENTRY_COLUMNS} FROM headgate.audit_entry ORDER BY audit_entry.seq) TO STDOUT`));
    let rest: Buffer = Buffer.alloc(0);
    for await (const chunk of copy as AsyncIterable<Buffer>) {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const end = bytes.lastIndexOf(LINE_END) + 1;
      rest = bytes.subarray(end);
      if (end === 0) continue;
      // What one read of the socket brought, so that the server makes the next while this is looked at.
      yield bytes
        .toString('utf8', 0, end - 1)
        .split('\n')
        .map(entryOf);
    }
    await client.query('COMMIT');
    isDone = true;
  } finally {
    // A session in the middle of a COPY is good for nothing else.
    client.release(!isDone);
  }
}

/** Gives the session the snapshot of the transaction. */
async function seeAs(client: pg.PoolClient, tx: Transaction): Promise<void> {
  const [row] = await tx.query<{ snapshot: string }>('SELECT pg_export_snapshot() AS snapshot');
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  await client.query(`SET TRANSACTION SNAPSHOT ${client.escapeLiteral(row?.snapshot ?? '')}`);
  // A long record takes longer than a statement may.
  await client.query('SET LOCAL statement_timeout = 0');
}

/** In the text format of COPY: columns between tabs, `\N` for null, and a backslash before what would end a column or a line. */
function entryOf(line: string): EntryText {
  const columns: (string | null)[] = line.split('\t');
  const isEscaped = ESCAPED.test(line);
  for (let i = 0; i < columns.length; i++) {
    const column = columns[i] ?? '';
    if (column === NULL) columns[i] = null;
    else if (isEscaped) columns[i] = column.replaceAll(/\\(.)/gs, (_, what: string) => ESCAPES[what] ?? what);
  }
  return columns as unknown as EntryText;
}

const NULL = '\\N';
/** A value that is `\N` comes with two backslashes. */
const ESCAPED = /\\[^N]/;
const ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };
