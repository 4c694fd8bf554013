import { table } from './output.js';
import { readAsText, type ReadAsAnswer } from './read-as.js';

interface PreviewRow {
  readonly line: string | null;
  readonly values: Readonly<Record<string, string | null>>;
}

/** What a load would do, as the server tells it. */
export interface PreviewAnswer {
  readonly dataset: string;
  readonly mode: string;
  readonly repeated: boolean;
  readonly rowsRead: string;
  readonly rowsLoaded: string;
  readonly rowsInserted: string;
  readonly rowsUpdated: string;
  readonly rowsQuarantined: string;
  readonly rowsDeduplicated: string;
  readonly drift: readonly { readonly field: string; readonly column: string | null; readonly from: string | null; readonly to: string }[];
  readonly reasons: readonly {
    readonly field: string | null;
    readonly rule: string;
    readonly message: string;
    readonly count: string;
    readonly rows: readonly PreviewRow[];
  }[];
  readonly rows: readonly PreviewRow[];
  readonly masked: readonly string[];
  readonly readAs: ReadAsAnswer | null;
}

export function previewLines(preview: PreviewAnswer): string[] {
  const { dataset, mode, repeated, rowsRead, rowsLoaded, rowsInserted, rowsUpdated, rowsQuarantined, rowsDeduplicated } = preview;
  const contract = preview.drift.map(({ field, column, from, to }) => {
    if (from !== null) return `  field ${field}: ${from} -> ${to}`;
    const of = column === field ? '' : ` for the column "${column}"`;
    return `  field ${field}: ${to}, added${of}; nobody sees it before a steward has classified it`;
  });
  return [
    `a load into ${dataset} (${mode}) would do this; nothing was changed`,
    ...table([
      ...(preview.readAs === null ? [] : [['read as', readAsText(preview.readAs)]]),
      [
        'rows',
        `${rowsRead} read, ${rowsLoaded} loaded (${rowsInserted} new, ${rowsUpdated} updated), ${rowsQuarantined} quarantined, ${rowsDeduplicated} deduplicated`,
      ],
      ...(repeated ? [['repeated', 'the same content was loaded before']] : []),
      ...(preview.masked.length > 0 ? [['masked', preview.masked.join(', ')]] : []),
    ]),
    ...(contract.length > 0 ? ['contract', ...contract] : []),
    ...(preview.rows.length > 0 ? ['the first rows that would be loaded', ...preview.rows.map(rowLine)] : []),
    ...preview.reasons.flatMap(({ field, rule, message, count, rows }) => [
      `quarantined: ${count} x ${field ?? 'the row'} (${rule}): ${message}`,
      ...rows.map(rowLine),
    ]),
  ];
}

function rowLine({ line, values }: PreviewRow): string {
  return `  ${line === null ? '' : `line ${line}: `}${JSON.stringify(values)}`;
}
