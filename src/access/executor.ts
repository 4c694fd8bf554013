import type { Keys, ReadRequest } from './binding.js';
import type { CompiledRead } from './compiled-read.js';
import { AS_JSON, opened, type Cipher, type Secrets } from './opening.js';

/** The columns of rows. */
export type Rows = readonly (readonly (string | null)[])[];

/** Rows as they came: values of encrypted fields are in their envelopes, and nobody gets at them without opening those. */
export class SentRows {
  readonly #rows: Rows;

  constructor(rows: Rows) {
    this.#rows = rows;
  }

  /** The last column of the first row, of a statement that counts there. */
  get lastNumber(): number {
    return Number(this.#rows[0]?.at(-1) ?? 0);
  }

  /** @param cipher absent where there are no encrypted fields */
  async opened({ encryption: { sealed } }: CompiledRead, secrets: Secrets | undefined, cipher: Cipher | undefined): Promise<Rows> {
    if (sealed.length === 0) return this.#rows;
    if (!secrets || !cipher) throw new Error('a read of encrypted fields without what decrypts');
    const texts = await opened(
      this.#rows.flatMap((columns) => columns.map((text) => text ?? '')),
      sealed,
      secrets,
      cipher,
      AS_JSON,
    );
    let next = 0;
    return this.#rows.map((columns) =>
      columns.map((text) => {
        const there = texts[next++];
        return text === null ? null : (there ?? null);
      }),
    );
  }
}

/** What a statement gave. */
export interface Executed<R = SentRows> {
  /** The statement that ran: it says what the columns are. */
  readonly statement: CompiledRead;
  readonly rows: R;
}

/**
 * Answers one part of a governed plan, at one place. The answer is the part's JSON as its statement builds it, masked and
 * filtered there; where the part leads to other places, it holds placeholders.
 *
 * There are three: the store's, the one of sources that are another PostgreSQL, and the one of APIs that give rows as JSON: it fetches the
 * rows of the part's datasets, and runs the statement over `jsonb_to_recordset($1)` in the store. So there is one implementation of each
 * mask, filter and order.
 */
export interface Executor {
  /**
   * @param keys of a part that a relation leads to: those that rows are wanted for
   * @throws HeadgateError; nothing else that a reader can bring about
   */
  run(read: CompiledRead, request: ReadRequest, keys?: Keys): Promise<Executed>;
}

/** Characters of a statement that sessions keep prepared; each keeps hundreds. */
const LONGEST_PREPARED = 32_768;

/** The name to prepare the statement under; none for a long one. */
export function preparedName({ name, text }: CompiledRead): { name?: string } {
  return text.length <= LONGEST_PREPARED ? { name } : {};
}
