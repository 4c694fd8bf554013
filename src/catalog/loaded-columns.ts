import type { DatasetShape } from './dataset-shape.js';
import type { Dataset, Field } from './model.js';

type Complain = (path: readonly (string | number)[], message: string) => void;

/** What can be wrong of how a dataset reads the columns of what is loaded into it. */
export function checkLoaded(dataset: DatasetShape, complain: Complain): void {
  checkAliases(dataset, complain);
  dataset.fields.forEach((field, i) => {
    const problem = field.default === undefined ? undefined : defaultProblem(dataset, field);
    if (problem !== undefined) complain(['fields', i, 'default'], `${field.name} ${problem}`);
  });
  const drift = dataset.drift ?? 'freeze';
  const encrypted = dataset.fields.find((field) => field.encrypted);
  if (drift !== 'freeze' && encrypted)
    complain(
      ['drift'],
      `${encrypted.name} is encrypted, and the values of a column that the contract does not have would be kept plain. Leave drift out: a load with such a column is refused`,
    );
}

/** A column must be one field's. */
function checkAliases({ fields }: DatasetShape, complain: Complain): void {
  const owners = new Map(fields.map(({ name }) => [name, name]));
  fields.forEach(({ name, aliases = [] }, i) => {
    aliases.forEach((alias, j) => {
      const owner = owners.get(alias);
      if (owner !== undefined && owner !== name)
        complain(['fields', i, 'aliases', j], `"${alias}" is a name of the field ${owner} already; a column can fill one field only`);
      owners.set(alias, owner ?? name);
    });
  });
}

function defaultProblem({ key = [], subject }: DatasetShape, { name, type, encrypted }: DatasetShape['fields'][number]): string | undefined {
  if (encrypted) return 'is encrypted, and a default would stand plain in its manifest; leave the default out';
  if (key.includes(name)) return 'is part of the key: rows with a default there could not be told apart; leave the default out';
  if (name === subject) return 'says whom a row is about, which nothing can say for a row that does not; leave the default out';
  if (type.endsWith('[]')) return `is ${type}, and a default is for single values; leave it out`;
  return undefined;
}

/** The fields by each name that their column can have in what is loaded. */
export function fieldsByColumn({ fields }: Pick<Dataset, 'fields'>): ReadonlyMap<string, Field> {
  return new Map(fields.flatMap((field) => namesOf(field).map((name): [string, Field] => [name, field])));
}

/** All names that the column of a field can have, its own first. */
export function namesOf({ name, aliases = [] }: { readonly name: string; readonly aliases?: readonly string[] | undefined }): readonly string[] {
  return [name, ...aliases];
}
