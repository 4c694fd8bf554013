import type { DatasetShape } from './dataset-shape.js';

/** What a field whose values the database can't read can't be, and what a dataset with such a field can't say. */
export function checkEncrypted(dataset: DatasetShape, complain: (path: readonly (string | number)[], message: string) => void): void {
  const names = new Set(dataset.fields.filter(({ encrypted }) => encrypted).map(({ name }) => name));
  if (names.size === 0) return;
  dataset.fields.forEach((field, i) => {
    if (!field.encrypted) return;
    const path = ['fields', i];
    if (field.type !== 'text') complain([...path, 'encrypted'], `${field.name} is ${field.type}, and only text can be encrypted`);
    if (field.format !== undefined) complain([...path, 'format'], `${field.name} is encrypted as it comes; leave the format out`);
    if (field.rules?.length)
      complain([...path, 'rules'], `${field.name} is encrypted, so that no rule can look at its values but required; leave the rules out`);
    if (dataset.source !== undefined)
      complain([...path, 'encrypted'], `the rows of ${dataset.name} stay at the source ${dataset.source}, and only what is stored here can be encrypted`);
  });
  const isOrdered = ({ type, encrypted }: DatasetShape['fields'][number]) => !encrypted && type !== 'json' && !type.endsWith('[]');
  if (!dataset.fields.some(isOrdered))
    complain(['fields'], 'the encrypted fields need one beside them that rows can be ordered by, such as a number of the row');
  const refuse = (name: string, path: readonly (string | number)[], use: string) => {
    if (names.has(name)) complain(path, `${name} is encrypted, and can't be ${use}`);
  };
  dataset.key?.forEach((name, i) => refuse(name, ['key', i], 'part of the key'));
  if (dataset.subject !== undefined) refuse(dataset.subject, ['subject'], 'the subject: its value says with which key the others are encrypted');
  if (dataset.freshness) refuse(dataset.freshness.field, ['freshness', 'field'], 'a time');
  dataset.indexes?.forEach((index, i) => index.forEach((name, j) => refuse(name, ['indexes', i, j], 'ordered; its values are found by an index of their own')));
  dataset.rules?.forEach((rule, i) => rule.unique?.forEach((name, j) => refuse(name, ['rules', i, 'unique', j], 'part of a unique rule')));
  dataset.relations?.forEach((relation, i) => {
    for (const local of Object.keys(relation.on)) refuse(local, ['relations', i, 'on', local], 'the key of a relation');
  });
}
