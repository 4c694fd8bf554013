import { compileExpression } from '../sql/index.js';
import { columnsOf } from './catalog-checks.js';
import type { Dataset } from './model.js';

/** Fields whose type other things of the catalog depend on, so that no load may change it. `prepareParser` was awaited before. */
export function fixedFields(dataset: Dataset, datasets: Iterable<Dataset>): ReadonlySet<string> {
  const { fields, key, subject, relations, rules, freshness } = dataset;
  const checked = rules.flatMap((rule) => {
    if (rule.kind === 'check') return compileExpression(rule.expression, { columns: columnsOf(dataset) }).columns;
    return rule.kind === 'unique' ? rule.fields : [];
  });
  const fixed = new Set([...key, ...relations.flatMap(({ on }) => on.map(({ local }) => local)), ...checked]);
  if (subject !== undefined) fixed.add(subject);
  if (freshness) fixed.add(freshness.field);
  for (const { name, encrypted, rules: own, list, format } of fields) {
    if (encrypted || list || format !== undefined || own.some(({ kind }) => kind === 'references')) fixed.add(name);
  }
  for (const other of datasets) {
    for (const { to, on } of other.relations) if (to === dataset.name) for (const { remote } of on) fixed.add(remote);
    for (const rule of other.fields.flatMap((field) => field.rules)) if (rule.kind === 'references' && rule.dataset === dataset.name) fixed.add(rule.field);
  }
  return fixed;
}
