import type { Dataset, Field } from '../../catalog/index.js';
import { HeadgateError } from '../../kernel/index.js';

const LONGEST = 1_000;

/** A stored dataset whose rows are about persons, and the field that says about whom. */
export interface SubjectDataset {
  readonly dataset: Dataset;
  readonly field: Field;
}

/**
 * A person, named by the text of the value in the subject field of datasets.
 * @throws HeadgateError BAD_USER_INPUT for a text that no value can have; it does not repeat it
 */
export function checkSubject(text: string): string {
  const isText = text !== '' && text.length <= LONGEST && !text.includes('\0') && text.isWellFormed();
  if (isText) return text;
  throw new HeadgateError('BAD_USER_INPUT', `Expected a subject as the datasets have it: a text of 1 to ${LONGEST} characters.`, { path: 'subject' });
}

export function isLive({ source }: Dataset): boolean {
  return source !== undefined;
}

/** The datasets with a subject: those that are stored here, and the names of those whose rows stay at a source. */
export function subjectDatasets(datasets: Iterable<Dataset>): { readonly stored: readonly SubjectDataset[]; readonly elsewhere: readonly string[] } {
  const all = [...datasets].flatMap((dataset) => {
    const field = dataset.fields.find(({ name }) => name === dataset.subject);
    return field ? [{ dataset, field }] : [];
  });
  return {
    stored: all.filter(({ dataset }) => !isLive(dataset)).toSorted((a, b) => (a.dataset.id < b.dataset.id ? -1 : 1)),
    elsewhere: all.flatMap(({ dataset }) => (isLive(dataset) ? [dataset.name] : [])).toSorted(),
  };
}

/** The value of the field whose text is the subject; undefined where no value of its type has that text: `007` is no integer's. */
export function subjectValue({ type }: Pick<Field, 'type'>, subject: string): string | undefined {
  switch (type) {
    case 'integer':
      return isWhole(subject, 32n) ? subject : undefined;
    case 'bigint':
      return isWhole(subject, 64n) ? subject : undefined;
    case 'uuid':
      return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(subject) ? subject : undefined;
    default:
      return subject;
  }
}

function isWhole(text: string, bits: bigint): boolean {
  if (!/^(0|-?[1-9]\d{0,18})$/.test(text)) return false;
  const limit = 1n << (bits - 1n);
  const value = BigInt(text);
  return value >= -limit && value < limit;
}
