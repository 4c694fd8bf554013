import type { DatasetShape } from './dataset-shape.js';
import type { FieldShape } from './field-spec.js';
import type { Dataset, Field } from './model.js';
import { UNCLASSIFIED } from './unclassified.js';

/** Whatever is tagged so, or below it (`pii.email`), tells of a person. */
const PERSONAL = 'pii';

/**
 * The fields that an erasure with `onErase: nullify` sets to null: the subject, all that is tagged as personal, and what nobody
 * has looked at yet, which may be personal.
 */
export function erasedFields({ fields, subject }: Pick<Dataset, 'fields' | 'subject'>): readonly Field[] {
  return fields.filter((field) => isErased(field, subject));
}

/** Those of them that can't be null: with any, no row can be kept without its person. */
export function unerasable(dataset: Pick<Dataset, 'fields' | 'subject' | 'key'>): readonly Field[] {
  return erasedFields(dataset).filter(({ name, required }) => required || dataset.key.includes(name));
}

/** A row that is kept for the books must be able to be without all that tells of its person. */
export function checkErasure(dataset: DatasetShape, complain: (path: readonly (string | number)[], message: string) => void): void {
  const { subject, onErase, key = [], fields } = dataset;
  if (onErase === undefined) return;
  if (subject === undefined)
    return complain(['onErase'], 'onErase says what becomes of the rows about a person, and the dataset has no subject: say subject: as well');
  if (onErase === 'delete') return;
  fields.forEach((field, i) => {
    if (!isErased(field, subject)) return;
    const what = field.name === subject ? 'the subject' : field.tags?.includes(UNCLASSIFIED) ? 'not classified yet' : 'personal (tagged pii)';
    if (key.includes(field.name))
      complain(['onErase'], `${field.name} is ${what} and part of the key, so it can't be set to null; choose another key, or onErase: delete`);
    else if (field.required === true)
      complain(
        ['fields', i, 'required'],
        `${field.name} is ${what}, and onErase: nullify sets it to null: it can't be required. Leave "required" out, or choose onErase: delete`,
      );
  });
}

function isErased({ name, tags = [], encrypted }: Pick<FieldShape | Field, 'name' | 'tags' | 'encrypted'>, subject: string | undefined): boolean {
  return name === subject || encrypted === true || tags.some((tag) => tag === PERSONAL || tag === UNCLASSIFIED || tag.startsWith(`${PERSONAL}.`));
}
