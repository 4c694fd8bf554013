import { Document, isMap, isSeq, type YAMLMap } from 'yaml';
import { dialectText } from '../dialect/dialect.js';
import type { InferredDataset, InferredField } from './inference.js';

/**
 * A contract as a manifest, with what was looked at and what is doubtful in comments.
 * @param remarks lines of comment behind those on what was looked at
 */
export function contractText(dataset: InferredDataset, remarks: readonly string[] = []): string {
  const { name, fields, key, rows, isWhole } = dataset;
  const document = new Document(
    { kind: 'Dataset', name, fields: fields.map(fieldDocument), ...(key.length > 0 && { key: [...key] }) },
    { aliasDuplicateObjects: false, version: '1.2' },
  );
  const isDeclared = key.length > 0 || fields.some(({ required }) => required);
  const unseen = isDeclared
    ? 'only what the source itself says of all rows is required, and no rule is written'
    : 'nothing is required, no key and no rule is written';
  const seen = isWhole ? `all ${rows} rows` : `the first ${rows} rows: ${unseen}, since the others were not seen`;
  document.commentBefore = [
    ` Written by headgate dataset infer from ${dataset.files.join(', ')}`,
    ` from ${seen}. Read it before it is applied.`,
    ...loadLines(dataset),
    ...remarks.map((remark) => ` ${remark}`),
  ].join('\n');
  const list = document.get('fields');
  if (isSeq(list)) {
    list.items.forEach((item, i) => {
      if (!isMap(item)) return;
      item.flow = true;
      const doubts = fields[i]?.doubts ?? [];
      if (doubts.length > 0) item.comment = ` ${doubts.join('; ')}`;
    });
  }
  const keys = document.get('key');
  if (isSeq(keys)) (keys as unknown as YAMLMap).flow = true;
  return document.toString({ lineWidth: 0, flowCollectionPadding: true });
}

/** How to load it, where the file is not as files are by default. */
function loadLines({ dialect, formats, name, files }: InferredDataset): string[] {
  const { formats: _, ...written } = dialect;
  if (!formats.some((format) => format === 'csv' || format === 'tsv')) {
    return dialect.encoding === undefined || dialect.encoding === 'utf-8'
      ? []
      : [` Load it with: headgate ingest ${name} ${quoted(files[0])} --encoding ${dialect.encoding}`];
  }
  const { delimiter, quote, encoding, header, decimal } = written;
  const usual = formats.includes('tsv') ? '\t' : ',';
  const options = [
    delimiter !== undefined && delimiter !== usual && `--delimiter '${delimiter === '\t' ? 'tab' : delimiter}'`,
    quote !== undefined && quote !== 'double' && `--quote ${quote}`,
    encoding !== undefined && encoding !== 'utf-8' && `--encoding ${encoding}`,
    header === false && '--no-header',
    decimal === 'comma' && '--decimal comma',
  ].filter((option) => option !== false);
  if (options.length === 0) return [];
  return [` The file is ${dialectText(written)}. Load it with: headgate ingest ${name} ${quoted(files[0])} ${options.join(' ')}`];
}

/** As a shell takes it. */
function quoted(file = ''): string {
  return /^[\w./:@%+-]*$/.test(file) ? file : `'${file.replaceAll("'", "'\\''")}'`;
}

function fieldDocument({ name, alias, type, list = false, format, required, tag, rules, description }: InferredField): object {
  return {
    name,
    ...(description !== undefined && { description }),
    type: list ? `${type}[]` : type,
    ...(required && { required }),
    ...(alias !== undefined && { aliases: [alias] }),
    ...(format !== undefined && { format }),
    ...(tag !== undefined && { tags: [tag] }),
    ...(rules.length > 0 && { rules }),
  };
}
