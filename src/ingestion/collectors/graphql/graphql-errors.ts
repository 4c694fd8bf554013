import { HeadgateError, type ErrorCode } from '../../../kernel/index.js';
import { JsonText, parsed } from '../pages/json-text.js';

/** So many codes are told. */
const MOST_CODES = 5;

/** Codes of servers that mean that it may succeed later. */
const PASSING: ReadonlyMap<string, ErrorCode> = new Map([
  ['RATE_LIMITED', 'RATE_LIMITED'],
  ['THROTTLED', 'RATE_LIMITED'],
  ['TOO_MANY_REQUESTS', 'RATE_LIMITED'],
  ['TIMEOUT', 'TIMEOUT'],
  ['UNAVAILABLE', 'UNAVAILABLE'],
  ['SERVICE_UNAVAILABLE', 'UNAVAILABLE'],
  ['INTERNAL_SERVER_ERROR', 'UNAVAILABLE'],
]);

/**
 * An answer with errors is no answer, also where it has some of the data: what is missing would be taken for gone. Of the errors only
 * their codes are told: their texts may hold data.
 * @throws HeadgateError RATE_LIMITED, TIMEOUT or UNAVAILABLE when the codes say so; else CONTRACT_VIOLATION; DATA_REJECTED for no JSON
 */
export function refuseErrors(source: string, body: Buffer): void {
  const text = new JsonText(body);
  const found = text.member(text.whole(), 'errors');
  const errors = found ? parsed(text.text(found)) : null;
  if (!Array.isArray(errors) || errors.length === 0) return;
  const codes = [...new Set(errors.flatMap(codeOf))].slice(0, MOST_CODES);
  const passing = codes.map((code) => PASSING.get(code)).find((code) => code !== undefined);
  const told = codes.length === 0 ? '' : ` (${codes.join(', ')})`;
  throw new HeadgateError(
    passing ?? 'CONTRACT_VIOLATION',
    `The source ${source} answers the query with errors${told}. ${passing ? 'Try again later.' : 'Try the query at the source, as the user of its credentials.'}`,
    { source, ...(codes.length > 0 && { codes }) },
  );
}

function codeOf(error: unknown): string[] {
  const code = (error as { extensions?: { code?: unknown } | null } | null)?.extensions?.code;
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{0,59}$/.test(code) ? [code] : [];
}
