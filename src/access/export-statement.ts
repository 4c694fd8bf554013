import type { Principal } from '../identity/index.js';
import { renderLiterals, sql } from '../sql/index.js';
import { boundValue } from './binding.js';
import type { CompiledExport } from './export-compile.js';
import { FOLDED } from './filter.js';
import { AS_CSV, AS_JSON, openedLines, secretsFor, type Cipher } from './opening.js';
import { checkPatterns, readError } from './store-executor.js';

/** An export as it is sent to the database. */
export interface BoundExport {
  /** A COPY to the client, of rows of CSV with a header or of lines of JSON. */
  readonly text: string;
  /** What is to be run before, so that an error in a pattern is found before any row is. */
  readonly checks: readonly { readonly text: string; readonly values: readonly unknown[] }[];
  /** The bytes of the COPY, with the values of encrypted fields in the places of their envelopes. */
  readonly opened: (sent: AsyncIterable<Buffer>) => AsyncIterable<Buffer>;
  /** What the database says, as a reader may know it: an error of ours, or the same when it is none that we know. */
  readonly errorOf: (error: unknown) => unknown;
}

/**
 * @param values the request's values, by slot
 * @param patterns regular expressions among them
 * @param cipher of encrypted fields; without it none can be exported
 * @throws HeadgateError BAD_USER_INPUT for a claim with a character that PostgreSQL can't hold.
 */
export async function bindExport(
  { query, shape, mayFail, encryption }: CompiledExport,
  values: readonly unknown[],
  principal: Principal,
  patterns: readonly string[],
  cipher?: Cipher,
): Promise<BoundExport> {
  const { sealed, blinded } = encryption;
  const secrets = cipher && (sealed.length > 0 || blinded.length > 0) ? await secretsFor(cipher, blinded) : undefined;
  const { claims } = principal;
  const notation = shape === 'columns' ? AS_CSV : AS_JSON;
  // JSON text holds no control character and no line break: with two of them as marks, COPY writes it as it is.
  const copy =
    shape === 'columns' ? sql`COPY (${query}) TO STDOUT (FORMAT csv, HEADER)` : sql`COPY (${query}) TO STDOUT (FORMAT csv, DELIMITER E'\\x01', QUOTE E'\\x02')`;
  return {
    text: renderLiterals(copy, (value) => boundValue(value, values, { claims, secrets })),
    opened: (sent) => (cipher && secrets && sealed.length > 0 ? openedLines(sent, sealed, secrets, cipher, notation) : sent),
    checks: patterns.length > 0 ? [{ text: checkPatterns(FOLDED), values: [patterns] }] : [],
    errorOf: (error) => readError(error, mayFail),
  };
}
