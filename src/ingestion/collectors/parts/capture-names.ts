import type { Dataset } from '../../../catalog/index.js';
import { sha256 } from '../../../kernel/index.js';
import { identifier, render } from '../../../sql/index.js';

/** What holds the log of changes for a collector at its source. */
export interface CaptureNames {
  readonly publication: string;
  /** The collector makes it, and it is told when it goes. */
  readonly ownsPublication: boolean;
  readonly slot: string;
}

interface Captured {
  readonly capture?: { readonly publication?: string | undefined; readonly slot?: string | undefined } | undefined;
}

/** Names that another installation which collects from the same source does not have. */
export function captureNames(collector: string, { capture }: Captured, dataset: Pick<Dataset, 'id'>): CaptureNames {
  const own = `headgate_${collector.slice(0, 40)}_${sha256(dataset.id).slice(0, 8)}`;
  return { publication: capture?.publication ?? own, ownsPublication: capture?.publication === undefined, slot: capture?.slot ?? own };
}

/** How a slot and a publication that nobody reads from any more are dropped at their source. */
export function dropText({ slot, publication, ownsPublication }: CaptureNames): string {
  return `SELECT pg_drop_replication_slot('${slot}');${ownsPublication ? ` DROP PUBLICATION ${render(identifier(publication)).text};` : ''}`;
}
