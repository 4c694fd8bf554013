import type { Principal } from '../identity/index.js';
import { HeadgateError, isHeadgateError } from '../kernel/index.js';
import type { ReaderPool } from '../store/index.js';
import { Claimed, claimText, Slotted } from './binding.js';
import { badCursor, type CompiledRead } from './compile.js';
import { FOLDED } from './filter.js';

/** The answer of one root field. */
export interface ReadAnswer {
  /** JSON text as PostgreSQL built it; null when there is no such row. */
  readonly json: string | null;
  /** Rows in the answer, by dataset. */
  readonly rows: ReadonlyMap<string, number>;
}

/** Both ways in which a filter may use it: a pattern can be good for one and too complex for the other. */
const CHECK_PATTERN = `SELECT '' ~ $1::text, '' ${FOLDED} ~* $1::text`;

/** Characters of a statement that connections keep prepared; each keeps hundreds. */
const LONGEST_PREPARED = 32_768;

/** Runs compiled reads as prepared statements on the pool whose role can only read data. */
export class Reader {
  readonly #pool: Pick<ReaderPool, 'query'>;

  constructor(pool: Pick<ReaderPool, 'query'>) {
    this.#pool = pool;
  }

  /**
   * @param values the request's values, by slot
   * @param patterns regular expressions among them: an invalid one is found before any row is, so that the error tells
   *   nothing of the data
   * @throws HeadgateError BAD_USER_INPUT for a foreign cursor, a bad pattern or a value that its type can't hold;
   *   TIMEOUT; UNAVAILABLE when the database can't be reached.
   */
  async read(compiled: CompiledRead, values: readonly unknown[], principal: Principal, patterns: readonly string[] = []): Promise<ReadAnswer> {
    for (const { slot, fingerprint } of compiled.cursors) if (values[slot] !== fingerprint) throw badCursor();
    try {
      for (const pattern of patterns) await this.#pool.query({ name: 'hg_pattern', text: CHECK_PATTERN, values: [pattern] });
      const rows = await this.#pool.query<[string | null, ...(string | null)[]]>({
        ...(compiled.text.length <= LONGEST_PREPARED && { name: compiled.name }),
        text: compiled.text,
        asKept: true,
        values: boundValues(compiled, values, principal),
      });
      const columns = rows[0] ?? [];
      const { members, counted } = compiled;
      const json = members ? objectOf(members, columns) : (columns[0] ?? null);
      return { json, rows: addUp(counted, columns.slice(members?.length ?? 1)) };
    } catch (error) {
      throw readError(error, compiled.mayFail);
    }
  }
}

/** The statement's parameters: with them, its text says all there is to know of a read. */
export function boundValues({ parameters }: CompiledRead, values: readonly unknown[], { claims }: Principal): unknown[] {
  return parameters.map(({ value }) => {
    if (value instanceof Slotted) return values[value.slot];
    return value instanceof Claimed ? claimText(claims, value.claim) : value;
  });
}

/** Strung together and not joined: a page is large, and a join copies it. */
function objectOf(keys: readonly string[], values: readonly (string | null)[]): string {
  let text = '{';
  keys.forEach((key, i) => (text += `${i === 0 ? '' : ','}${JSON.stringify(key)}:${values[i] ?? 'null'}`));
  return `${text}}`;
}

function addUp(datasets: readonly string[], counts: readonly (string | null)[]): ReadonlyMap<string, number> {
  const rows = new Map<string, number>();
  datasets.forEach((dataset, i) => rows.set(dataset, (rows.get(dataset) ?? 0) + Number(counts[i] ?? 0)));
  return rows;
}

/** PostgreSQL's errors in our words; its own text may hold values and stays behind as the cause. */
function readError(error: unknown, mayFail: boolean): unknown {
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
  // 08 connection, 53 resources, 57P shutdown, and failures of the socket itself.
  if (/^(08|53|57P)/.test(code) || /^E[A-Z]+$/.test(code) || (error instanceof Error && /timeout|terminated|closed/i.test(error.message))) {
    return new HeadgateError('UNAVAILABLE', 'The data can not be reached now. Try again in a moment.', {}, { cause: error });
  }
  return error;
}
