import { headgateClassification } from './headgate.ts';
import { heldOut } from './detection/held-out.ts';
import { negatives } from './detection/negatives.ts';
import { positives } from './detection/positives.ts';
import { reference } from './detection/reference.ts';
import type { LabelledColumn, LabelledDataset } from './detection/labelled.ts';

/** How well the kinds of columns are told, on columns whose kind is known: precision and recall of each tag, column by column. */
const PRECISION = 0.95;
const RECALL = 0.9;

interface Outcome {
  readonly dataset: string;
  readonly column: LabelledColumn;
  readonly found: { readonly tag: string; readonly detector: string } | undefined;
}

const { detect } = await headgateClassification();

async function outcomesOf({ name: dataset, columns }: LabelledDataset): Promise<Outcome[]> {
  const samples = columns.map(({ name, type, values }) => ({
    dataset,
    name,
    type,
    values: [...new Set(values.map((value) => value.trim()))].filter((value) => value !== ''),
  }));
  const found = await detect(samples);
  return columns.map((column) => ({ dataset, column, found: found.get(column.name) }));
}

const number = (value: number) => value.toFixed(3);

/** Prints how it went over some datasets, and tells which tags miss a mark. */
async function measure(title: string, parts: Readonly<Record<string, readonly LabelledDataset[]>>): Promise<string[]> {
  const began = performance.now();
  const outcomes: Outcome[] = [];
  for (const dataset of Object.values(parts).flat()) outcomes.push(...(await outcomesOf(dataset)));
  const ms = performance.now() - began;
  const sizes = Object.entries(parts).map(([name, part]) => `${name} ${part.reduce((sum, { columns }) => sum + columns.length, 0)}`);
  const none = outcomes.filter(({ column }) => column.tag === undefined).length;
  console.log(`${title}: ${outcomes.length} columns (${sizes.join(', ')}), ${none} of them of no kind; ${(ms / outcomes.length).toFixed(1)} ms a column\n`);

  const tags = [...new Set(outcomes.flatMap(({ column, found }) => [column.tag, found?.tag]))].filter((tag) => tag !== undefined).toSorted();
  const rows = tags.map((tag) => {
    const wanted = outcomes.filter(({ column }) => column.tag === tag);
    const given = outcomes.filter(({ found }) => found?.tag === tag);
    const right = wanted.filter(({ found }) => found?.tag === tag).length;
    const [precision, recall] = [given, wanted].map(({ length }) => (length === 0 ? 1 : right / length));
    return { tag, columns: wanted.length, found: given.length, right, precision: precision ?? 0, recall: recall ?? 0 };
  });
  console.log('| tag | columns | found | right | precision | recall |\n| --- | --- | --- | --- | --- | --- |');
  for (const { tag, columns, found, right, precision, recall } of rows)
    console.log(`| \`${tag}\` | ${columns} | ${found} | ${right} | ${number(precision)} | ${number(recall)} |`);

  const wrong = outcomes.filter(({ column, found }) => column.tag !== found?.tag);
  console.log(`\nnot right: ${wrong.length}`);
  const grouped = Map.groupBy(
    wrong,
    ({ dataset, column, found }) => `${dataset}.${column.name}: ${column.tag ?? 'nothing'}, found ${found ? `${found.tag} by ${found.detector}` : 'nothing'}`,
  );
  for (const [text, group] of grouped) console.log(`  ${group.length} x ${text}`);
  console.log();
  return rows.filter(({ precision, recall }) => precision < PRECISION || recall < RECALL).map(({ tag }) => `${title}: ${tag}`);
}

const missed = [
  ...(await measure('the set that words and thresholds were chosen on', { positives: positives(), negatives: negatives(), reference: reference() })),
  ...(await measure('held out', { 'held out': heldOut() })),
];
console.log(`precision at least ${PRECISION} and recall at least ${RECALL} for each: ${missed.length === 0 ? 'met' : `NOT MET (${missed.join('; ')})`}`);
