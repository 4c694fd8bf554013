import { literal, param, raw, sql, type Sql } from '../sql/index.js';
import { ENVELOPE_PATTERN, INDEX_PART, type SealedField } from '../vault/index.js';
import { Blinded, Marked } from './binding.js';
import type { Encryption } from './opening.js';

/** What one statement has of encrypted fields. */
export class EncryptedUse {
  /** One is given or compared. */
  isThere = false;
  readonly #sealed: SealedField[] = [];
  readonly #blinded: SealedField[] = [];
  #mark: Sql | undefined;

  /** What it takes to open the answer. */
  get encryption(): Encryption {
    return { sealed: this.#sealed, blinded: this.#blinded };
  }

  /**
   * The envelopes of a column, each with all that it takes to open it: the request's mark, the field's number, and the subject.
   * @param subject the column that says whom a row is about
   */
  envelope(field: SealedField, column: Sql, subject: Sql | undefined): Sql {
    this.isThere = true;
    this.#mark ??= param(new Marked(), 'text');
    const found = this.#sealed.findIndex((other) => other.dataset === field.dataset && other.field === field.field);
    const number = found >= 0 ? found : this.#sealed.push(field) - 1;
    const about = subject === undefined ? raw(`'n'`) : sql`coalesce('s' || encode(textsend((${subject})::text), 'hex'), 'n')`;
    return sql`CASE WHEN ${column} ~ ${literal(ENVELOPE_PATTERN)} THEN ${this.#mark} || ${literal(`.${number}.`)} || ${about} || '.' || ${column} END`;
  }

  /** The blind index of a column's envelopes. */
  index(column: Sql): Sql {
    this.isThere = true;
    return sql`split_part(${column}, '.', ${raw(String(INDEX_PART))})`;
  }

  /** The blind indexes of a value, or of a list of them, that the request gives. */
  blinded(slot: number, field: SealedField): Sql {
    this.#blinded.push(field);
    return param(new Blinded(slot, field), 'text[]');
  }
}
