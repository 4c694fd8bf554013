import { HeadgateError, isHeadgateError, messageOf } from '../kernel/index.js';
import type { ReaderPool } from '../store/index.js';
import { bind, type Keys, type ReadRequest } from './binding.js';
import type { CompiledRead } from './compiled-read.js';
import { checkCursors } from './cursor-check.js';
import { preparedName, SentRows, type Executed, type Executor } from './executor.js';
import { FOLDED } from './filter.js';

/**
 * Both ways in which a filter may use them: a pattern can be good for one and too complex for the other. All in one statement,
 * so that they have the time of one.
 */
export const checkPatterns = (folded: string) => `SELECT count('' ~ p)::text, count('' ${folded} ~* p)::text FROM unnest($1::text[]) AS p`;

/** Runs compiled reads as prepared statements on the pool whose role can only read data. */
export class StoreExecutor implements Executor {
  readonly #pool: Pick<ReaderPool, 'query'>;

  constructor(pool: Pick<ReaderPool, 'query'>) {
    this.#pool = pool;
  }

  /** @throws HeadgateError BAD_USER_INPUT, TIMEOUT, UNAVAILABLE */
  async run(read: CompiledRead, request: ReadRequest, keys?: Keys): Promise<Executed> {
    checkCursors(read, request.values);
    try {
      if (request.patterns.length > 0) await this.#pool.query({ name: 'hg_patterns', text: checkPatterns(FOLDED), values: [request.patterns] });
      const rows = await this.#pool.query<(string | null)[]>({
        ...preparedName(read),
        text: read.text,
        asKept: true,
        values: bind(read.parameters, request, keys),
      });
      return { statement: read, rows: new SentRows(rows) };
    } catch (error) {
      throw readError(error, read.mayFail);
    }
  }
}

/** PostgreSQL's errors in our words; its own text may hold values and stays behind as the cause. */
export function readError(error: unknown, mayFail: boolean): unknown {
  if (isHeadgateError(error)) return error;
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
  if (code === '57014') {
    return new HeadgateError('TIMEOUT', 'The query took longer than a statement may. Ask for fewer rows, or filter by an indexed field.', {}, { cause: error });
  }
  if (code === '2201B')
    return new HeadgateError('BAD_USER_INPUT', 'A `matches` filter is not a regular expression that PostgreSQL understands (POSIX).', {}, { cause: error });
  // Class 22, data exceptions: operators here are total on data, so it is a parameter that its type can't hold.
  if (code.startsWith('22')) {
    const alternative = mayFail ? ', or the condition of a grant on these data fails on some row: a steward can mend it' : '';
    return new HeadgateError('BAD_USER_INPUT', `A value of the query or its cursor is out of the range of its type${alternative}.`, {}, { cause: error });
  }
  // What PostgreSQL can hold in one value, 1 GB, was reached before the bound of an answer could be looked at.
  if (code === '54000' || (code === 'XX000' && messageOf(error).startsWith('invalid memory alloc request size'))) {
    return new HeadgateError(
      'QUERY_TOO_COMPLEX',
      'The answer is larger than the database can put together. Ask for smaller pages (first), or fewer fields.',
      {},
      { cause: error },
    );
  }
  // 08 connection, 53 resources, 57P shutdown, and failures of the socket itself.
  if (/^(08|53|57P)/.test(code) || /^E[A-Z]+$/.test(code) || (error instanceof Error && /timeout|terminated|closed/i.test(error.message))) {
    return new HeadgateError('UNAVAILABLE', 'The data can not be reached now. Try again in a moment.', {}, { cause: error });
  }
  return error;
}
