import { fieldsByColumn, namesOf, type Dataset, type Field } from '../catalog/index.js';
import { rejected } from './rejection.js';

const SEPARATORS = [';', '\t', '|', ','] as const;
const LONGEST_NAME = 200;

/** A column of what is loaded: its name there, and the field that it fills; undefined for one that the contract does not have. */
export interface SourceColumn {
  readonly name: string;
  readonly field: Field | undefined;
}

/**
 * Which column fills which field: by the field's name or one of its aliases, in any order. Missing may be a field that has a
 * default and, where the contract follows its files (`drift: evolve`), one that is not required.
 * @param areNames they can't be values of a row
 * @throws HeadgateError DATA_REJECTED when a needed column is missing, one is not in the contract (`drift: freeze`), or two are for one field.
 */
export function mapColumns(names: readonly string[], dataset: Dataset, areNames = false): readonly SourceColumn[] {
  const fields = fieldsByColumn(dataset);
  const came = names.map((name) => name.trim());
  const missing = dataset.fields.filter((field) => !namesOf(field).some((name) => came.includes(name))).map(({ name }) => name);
  const extra = came.filter((name) => !fields.has(name));
  if (missing.length === dataset.fields.length) throw noHeader(came, dataset, missing);
  // A first line that is rather a row holds values, and errors are kept: then columns are told by their places.
  const isHeader = areNames || 2 * extra.length < came.length;
  const told = (name: string, i: number) => (isHeader ? name.slice(0, 80) || '(no name)' : `column ${i + 1}`);
  const unknown = came.flatMap((name, i) => (fields.has(name) ? [] : [told(name, i)]));
  const needed = dataset.fields.filter((field) => missing.includes(field.name) && isNeeded(field, dataset)).map(({ name }) => name);
  const twice = came.flatMap((name, i) => {
    const first = came.findIndex((other) => (fields.get(other)?.name ?? other) === (fields.get(name)?.name ?? name));
    return first === i ? [] : [fields.has(name) ? twiceText(name, came[first] ?? '', fields) : told(name, i)];
  });
  const open = dataset.drift !== undefined;
  const nameless = open ? extra.filter((name) => name === '' || name.length > LONGEST_NAME) : [];
  const problems = [
    needed.length > 0 && `missing: ${needed.join(', ')}`,
    extra.length > 0 && !open && `not in the contract: ${unknown.join(', ')}`,
    nameless.length > 0 && `${nameless.length} without a name, or with one of more than ${LONGEST_NAME} characters`,
    twice.length > 0 && `there twice: ${twice.join(', ')}`,
  ].filter((problem) => problem !== false);
  if (problems.length > 0) {
    throw rejected(
      `The columns are not those of "${dataset.name}" (${problems.join('; ')}). Change the file, or the contract; a column may be empty but not missing.`,
      { line: 1, missing: needed, extra: unknown, duplicate: twice },
    );
  }
  return came.map((name) => ({ name, field: fields.get(name) }));
}

function isNeeded({ name, required, default: value }: Field, { drift, key }: Dataset): boolean {
  return value === undefined && (drift !== 'evolve' || required || key.includes(name));
}

/** `email and its alias mail`, where two columns are for one field. */
function twiceText(name: string, first: string, fields: ReadonlyMap<string, Field>): string {
  return name === first ? name : `"${first}" and "${name}" are both the field ${fields.get(name)?.name ?? name}`;
}

function noHeader(came: readonly string[], dataset: Dataset, missing: readonly string[]): Error {
  // Of separators that spreadsheets use, one that the file has instead of the one it was read with.
  const other = came.length === 1 ? SEPARATORS.find((separator) => came[0]?.includes(separator)) : undefined;
  const hint =
    other === undefined
      ? ''
      : ` Its columns seem to be separated by ${JSON.stringify(other)}: separate them by commas, or say so: --delimiter (or ?delimiter=), or have it found out: --detect.`;
  return rejected(
    `The first line is not a header of "${dataset.name}": it has none of its columns. Expected ${dataset.fields.map(({ name }) => name).join(', ')}.${hint}`,
    { line: 1, missing },
  );
}
