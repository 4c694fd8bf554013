import type { Dataset, Field } from '../catalog/index.js';
import { MOST_VALUE_BYTES, type Place } from '../vault/index.js';
import { subjectText } from './subject-text.js';

/** A value that stands between bytes of a file and must not go on as it is. */
export interface ToSeal {
  readonly place: Place;
  readonly value: string;
}

/** A stretch of a file: its bytes, with values taken out of them. */
export type Stretch = readonly (Buffer | ToSeal)[];

/** Stands where a value was that can't be encrypted: it is no envelope, so that its row goes to quarantine, and tells nothing. */
export const REFUSED_VALUE = '!';

/** The encrypted fields of a dataset, and who the values of a record belong to. */
export class Sealer {
  readonly fields: ReadonlyMap<string, Field>;
  readonly #dataset: Dataset;
  readonly #subject: Field | undefined;

  constructor(dataset: Dataset) {
    this.#dataset = dataset;
    this.fields = new Map(dataset.fields.filter(({ encrypted }) => encrypted).map((field) => [field.name, field]));
    this.#subject = dataset.fields.find(({ name }) => name === dataset.subject);
  }

  get subject(): string | undefined {
    return this.#subject?.name;
  }

  /**
   * What becomes of a value in a record with this subject. A subject that the column can't hold brings the row to quarantine:
   * there its values are encrypted as those of a row without one.
   */
  toSeal(field: string, subject: string | null, value: string): ToSeal | Buffer {
    if (!isStorable(value)) return Buffer.from(REFUSED_VALUE);
    return { place: this.placeOf(field, subject), value };
  }

  placeOf(field: string, subject: string | null): Place {
    return { dataset: this.#dataset.id, field, subject: this.#subject ? (subjectText(this.#subject, subject) ?? null) : null };
  }
}

/** What a text of the database could hold, and not too much of it. */
function isStorable(value: string): boolean {
  return value.isWellFormed() && !value.includes('\0') && Buffer.byteLength(value) <= MOST_VALUE_BYTES;
}
