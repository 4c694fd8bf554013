import type { Dataset } from '../catalog/index.js';
import type { Select } from '../sql/index.js';

/** What of a step's rows is shown by consent only, and how it can still be told whose. */
export interface Personal {
  /** Purposes that need the consent of the persons whom the rows are about; empty where nobody's is needed. */
  readonly purposes: ReadonlySet<string>;
  /** Columns that hold the person's subject as it is. */
  readonly subjects: ReadonlySet<string>;
  /** A row may hold values of other persons than the one it names: it is made of several readings, or looks at rows beside it. */
  readonly isMixed: boolean;
}

export const OF_NOBODY: Personal = { purposes: new Set(), subjects: new Set(), isMixed: false };

/**
 * Of a step that reads datasets and the steps before it. A subject must come through as it is: of a number that was computed of
 * it, or of the largest of several, the consent asked for would be another person's.
 */
export function personalOf(select: Select, steps: ReadonlyMap<string, { readonly personal: Personal }>, datasets: ReadonlyMap<string, Dataset>): Personal {
  const of = (relation: string): Personal => steps.get(relation)?.personal ?? ofDataset(datasets.get(relation));
  const read = [...select.readings].map(([relation, times]) => ({ ...of(relation), times })).filter(({ purposes }) => purposes.size > 0);
  if (read.length === 0) return OF_NOBODY;
  const isSubject = ({ relation, column }: { readonly relation: string; readonly column: string }) => {
    const { purposes, subjects } = of(relation);
    return purposes.size > 0 && subjects.has(column);
  };
  return {
    purposes: new Set(read.flatMap(({ purposes }) => [...purposes])),
    subjects: new Set(select.outputs.filter(({ copies }) => copies.length > 0 && copies.every(isSubject)).map(({ name }) => name)),
    isMixed: select.mixesRows || read.reduce((sum, { times }) => sum + times, 0) > 1 || read.some(({ isMixed }) => isMixed),
  };
}

function ofDataset(dataset: Dataset | undefined): Personal {
  if (!dataset?.consent || dataset.subject === undefined) return OF_NOBODY;
  return { purposes: new Set(dataset.consent.purposes), subjects: new Set([dataset.subject]), isMixed: false };
}
