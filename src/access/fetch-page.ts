import type { Field } from '../catalog/index.js';
import type { DatasetDecision } from '../governance/index.js';
import { keyFields } from './order.js';
import type { PlanPart } from './parts.js';
import type { PlannedTest } from './planned-test.js';

/** Of a page in the order of the key, and of nothing beside it: so many rows from its beginning are enough. */
export interface PageFetch {
  readonly key: Field;
  readonly descending: boolean;
  /** One more than the page holds, which tells whether there is another. */
  readonly rows: number;
  /** Rows behind the cursor that was given. */
  readonly beyond: readonly PlannedTest[];
}

/** Undefined where all rows have to do with the answer, or their order is not the key's. */
export function pageFetch(part: PlanPart, decision: DatasetDecision): PageFetch | undefined {
  const { selection, root, reached } = part;
  if (selection.kind !== 'connection' || decision.aggregate || [...reached].some(({ name }) => name === root.name)) return undefined;
  const { connection } = selection;
  const { page, order, members, changes } = connection;
  if (changes || members.some(({ kind }) => kind === 'totalCount' || kind === 'aggregate' || kind === 'groupBy')) return undefined;
  const [key, ...more] = keyFields(root, decision) ?? [];
  const [term, ...rest] = order;
  if (!key || more.length > 0 || rest.length > 0 || (term && (term.through.length > 0 || term.field.name !== key.name))) return undefined;
  const descending = (term?.descending ?? false) !== page.backward;
  const cursors = [
    { position: page.after, operator: term?.descending ? 'lt' : 'gt' },
    { position: page.before, operator: term?.descending ? 'gt' : 'lt' },
  ] as const;
  const beyond = cursors.flatMap(({ position, operator }): (PlannedTest | undefined)[] => {
    if (!position) return [];
    const [slot] = position.values;
    return [slot === null || slot === undefined ? undefined : { field: key, operator, operands: [{ slot }] }];
  });
  const known = beyond.filter((test) => test !== undefined);
  return known.length < beyond.length ? undefined : { key, descending, rows: page.offset + page.limit + 1, beyond: known };
}
