import { Readable } from 'node:stream';
import { HeadgateError, isHeadgateError, newId } from '../kernel/index.js';
import type { Database } from '../store/index.js';
import type { VerifyingKeys } from './checkpoint.js';
import { auditRange, exportAudit, type AuditRange, type RangeAsked } from './export.js';
import type { Actor, AuditFact } from './fact.js';
import { auditParquet } from './parquet.js';
import { auditProof, type AuditProof } from './proof.js';

export const AUDIT_FORMATS = { ndjson: 'application/x-ndjson; charset=utf-8', parquet: 'application/vnd.apache.parquet' } as const;
export type AuditFormat = keyof typeof AUDIT_FORMATS;

export interface AuditFilesOptions {
  readonly database: Database;
  readonly audit: { record(fact: AuditFact): Promise<void> };
  /** Has all that was written sealed and, where it can, signed. */
  readonly sign: () => Promise<void>;
  readonly keys: () => Promise<VerifyingKeys>;
}

/** The record as files, and what proves them. To take one is an act as any other: its start is an entry, and its end. */
export class AuditFiles {
  readonly #options: AuditFilesOptions;

  constructor(options: AuditFilesOptions) {
    this.#options = options;
  }

  /**
   * The proof of a part of the record; of one that goes on to now, after all was signed up to this moment.
   * @throws HeadgateError UNAVAILABLE when it can't be sealed or recorded.
   */
  async proof(actor: Actor, asked: RangeAsked): Promise<AuditProof> {
    const { database, audit, sign, keys } = this.#options;
    if (reachesNow(asked)) await sign();
    const range = await auditRange(database, asked);
    await audit.record({ actor, action: 'audit.proof', decision: 'ALLOWED', details: places(range) });
    return auditProof(database, await keys(), range);
  }

  /** The sealed entries of a part of the record. @throws HeadgateError UNAVAILABLE when its start can't be recorded. */
  async export(actor: Actor, format: AuditFormat, asked: RangeAsked): Promise<Readable> {
    const { database, audit } = this.#options;
    const range = await auditRange(database, asked);
    const about = { export: newId(), format, ...places(range) };
    await audit.record({ actor, action: 'audit.export', decision: 'ALLOWED', details: { ...about, state: 'started' } });
    return Readable.from(this.#recorded(actor, about, format, range), { objectMode: false });
  }

  async *#recorded(actor: Actor, about: Record<string, string>, format: AuditFormat, range: AuditRange): AsyncGenerator<Buffer> {
    const { database, audit } = this.#options;
    const began = performance.now();
    let bytes = 0;
    let state = 'aborted';
    let code: string | undefined;
    try {
      for await (const piece of format === 'parquet' ? auditParquet(database, range) : pieces(exportAudit(database, range))) {
        bytes += piece.length;
        yield piece;
      }
      state = 'finished';
    } catch (error) {
      state = 'failed';
      code = isHeadgateError(error) ? error.code : 'INTERNAL_SERVER_ERROR';
      throw error;
    } finally {
      const durationMs = Math.round(performance.now() - began);
      const rowCount = state === 'finished' && { rowCount: Math.max(Number(range.to - range.from) + 1, 0) };
      const details = { ...about, state, bytes, ...(code !== undefined && { code }) };
      await audit.record({ actor, action: 'audit.export', decision: state === 'finished' ? 'ALLOWED' : 'FAILED', ...rowCount, durationMs, details });
    }
  }
}

/** @throws HeadgateError BAD_USER_INPUT */
export function parseAuditFormat(text: string): AuditFormat {
  if (text === 'ndjson' || text === 'parquet') return text;
  throw new HeadgateError('BAD_USER_INPUT', `format: expected one of ${Object.keys(AUDIT_FORMATS).join(', ')}.`, { path: 'format' });
}

/** Somewhat longer than it takes until the next checkpoint. */
const UNSIGNED_MS = 2 * 60_000;

/** What is older is signed by itself. */
function reachesNow({ to }: RangeAsked): boolean {
  return to === undefined || (to instanceof Date && to.getTime() > Date.now() - UNSIGNED_MS);
}

function places({ from, to }: AuditRange): { readonly from: string; readonly to: string } {
  return { from: String(from), to: String(to) };
}

const PIECE = 64 * 1024;

/** Lines in pieces that are worth a write each. */
async function* pieces(lines: AsyncIterable<string>): AsyncGenerator<Buffer> {
  let text = '';
  for await (const line of lines) {
    text += line;
    if (text.length < PIECE) continue;
    yield Buffer.from(text);
    text = '';
  }
  if (text !== '') yield Buffer.from(text);
}
