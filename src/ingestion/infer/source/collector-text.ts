import { Document, isMap, isPair, isScalar, visit } from 'yaml';

export interface InferredCollector {
  readonly name: string;
  readonly source: string;
  readonly dataset: string;
  /** By the type of the source: what is asked of it. */
  readonly part: object;
  readonly remarks: readonly string[];
}

/** Keys whose values are short, and stand in one line. */
const IN_LINE = new Set(['pages', 'query', 'fields', 'columns']);

/** A collector as a manifest: all rows there are, each time it runs. */
export function collectorText({ name, source, dataset, part, remarks }: InferredCollector): string {
  const document = new Document({ kind: 'Collector', name, source, dataset, mode: 'replace', ...part }, { aliasDuplicateObjects: false, version: '1.2' });
  visit(document, {
    Pair(_key, pair) {
      if (isPair(pair) && isScalar(pair.key) && IN_LINE.has(String(pair.key.value)) && isMap(pair.value)) pair.value.flow = true;
    },
  });
  const lines = remarks.map((remark) => `# ${remark.replaceAll(/\s+/g, ' ')}\n`);
  return `${lines.join('')}${document.toString({ lineWidth: 0, flowCollectionPadding: true })}`;
}
