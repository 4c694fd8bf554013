import { didYouMean, listOf, remoteTableOf, tableNameText, type Dataset, type Inspection } from '../catalog/index.js';
import type { PostgresSource } from './postgres-source.js';
import { fits } from './remote-column.js';

/** What of a contract the table at its source does not have, or has otherwise. Names and types only. */
export async function inspect(source: Pick<PostgresSource, 'name' | 'facts' | 'columns'>, dataset: Dataset): Promise<Inspection> {
  const table = remoteTableOf(dataset)?.table;
  if (!table) return { problems: [], warnings: [] };
  // For its check of the server's version.
  await source.facts();
  const columns = await source.columns(table);
  if (!columns) {
    const message = `there is no table or view ${tableNameText(table)} at the source ${source.name}, or its user may not use the schema`;
    return { problems: [{ path: ['table'], message }], warnings: [] };
  }
  const names = columns.map(({ name }) => name);
  const problems: { path: (string | number)[]; message: string }[] = [];
  const warnings: string[] = [];
  dataset.fields.forEach((field, i) => {
    const wanted = field.column ?? field.name;
    const column = columns.find(({ name }) => name === wanted);
    if (!column) {
      const message = `${tableNameText(table)} has no column "${wanted}".${didYouMean(wanted, names)} Columns: ${listOf(names)}`;
      return void problems.push({ path: ['fields', i, field.column === undefined ? 'name' : 'column'], message });
    }
    const type = field.type + (field.list ? '[]' : '');
    if (!fits(column, field))
      problems.push({ path: ['fields', i, 'type'], message: `${field.name} is ${type}, and the column "${wanted}" at the source is ${column.typeText}` });
    else if (field.required && !column.notNull && !dataset.key.includes(field.name)) {
      warnings.push(`Dataset ${dataset.name}: ${field.name} is required, and nothing at the source keeps "${wanted}" from being null.`);
    }
  });
  return { problems, warnings };
}
