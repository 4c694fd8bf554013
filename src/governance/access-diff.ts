import type { Dataset } from '../catalog/index.js';
import { audiencesOf, audienceText, memberOf, purposesOn } from './audience.js';
import { cellView, filterTexts, NOTHING, type CellView, type Knows } from './cell-text.js';
import { decide } from './decide.js';
import { RIGHTS, type Right } from './grant.js';
import type { Policy } from './policy.js';

/**
 * `GAINED`: nothing was seen, and something will be. `LOST`: the other way round. `OPENED`: no cell will be more closed than it was.
 * `CLOSED`: none will be more open. `CHANGED`: neither can be said of all cells.
 */
export type AccessMovement = 'GAINED' | 'LOST' | 'OPENED' | 'CLOSED' | 'CHANGED';

/** What changes for somebody in what they see of a field. */
export interface AccessChange {
  readonly dataset: string;
  /** The contract's name; undefined where the right is about the dataset as a whole (`ingest`). */
  readonly field: string | undefined;
  /** Of the field, before and after. */
  readonly tags: readonly string[];
  readonly movement: AccessMovement;
  readonly before: string;
  readonly after: string;
  readonly rights: readonly Right[];
  /** For whom: `role analyst`, `subject bob`, `anonymous`. */
  readonly audiences: readonly string[];
  /** With which purposes declared. */
  readonly purposes: readonly string[];
  /** And with none. */
  readonly withoutPurpose: boolean;
}

interface Found extends Omit<AccessChange, 'rights' | 'audiences' | 'purposes' | 'withoutPurpose'> {
  readonly right: Right;
  readonly audience: string;
  readonly purpose: string | undefined;
}

/**
 * Who gains or loses what between two policies: for everybody whom a grant of either names, and each purpose that makes a
 * difference. It asks the function that decides, so it can't say something else. Datasets whose contract and grants are
 * the same in both are passed over.
 * @param knows what the one who asks may know of; the rest is left out
 */
export function accessDiff(before: Policy, after: Policy, knows: Knows = () => true): readonly AccessChange[] {
  const names = new Set([...before.catalog.datasets.keys(), ...after.catalog.datasets.keys()]);
  const changed = [...names].toSorted().filter((name) => knows(name) && stateOf(before, name) !== stateOf(after, name));
  if (changed.length === 0) return [];
  const texts = filterTexts([before, after], knows);
  return changed.flatMap((name) => joined(diffOn(name, before, after, texts).filter(({ field }) => field === undefined || knows(name, field))));
}

/** Whether somebody would see more than before, or may: what a change must not do unnoticed. */
export function mayOpen({ movement }: Pick<AccessChange, 'movement'>): boolean {
  return movement === 'GAINED' || movement === 'OPENED' || movement === 'CHANGED';
}

/** All of a dataset that decisions depend on. */
function stateOf({ catalog, grantsOn }: Policy, name: string): string {
  const dataset = catalog.datasets.get(name);
  // Where consent is needed for some purpose, each read needs one that is there.
  const purposes = dataset?.consent ? [...catalog.purposes.keys()] : [];
  return JSON.stringify([dataset, purposes, (grantsOn.get(name) ?? []).map(({ fingerprint }) => fingerprint)]);
}

function diffOn(name: string, before: Policy, after: Policy, texts: ReturnType<typeof filterTexts>): readonly Found[] {
  const found: Found[] = [];
  const fields = fieldsOf(before.catalog.datasets.get(name), after.catalog.datasets.get(name));
  const [were, will] = [viewer(before, name, texts), viewer(after, name, texts)];
  for (const audience of audiencesOf(before, after)) {
    for (const purpose of purposesOn(name, audience, before, after)) {
      const who = memberOf(audience, purpose);
      for (const right of RIGHTS) {
        const [was, is] = [were(who, right), will(who, right)];
        for (const [field, tags] of right === 'ingest' ? WHOLE : fields) {
          const [old, now] = [was(field), is(field)];
          if (old.text === now.text) continue;
          const movement = movementOf(old, now);
          found.push({ dataset: name, field, tags, movement, before: old.text, after: now.text, right, audience: audienceText(audience), purpose });
        }
      }
    }
  }
  return found;
}

const WHOLE: ReadonlyMap<string | undefined, readonly string[]> = new Map([[undefined, []]]);
const MAY: CellView = { ...NOTHING, seen: true, text: 'may', cells: 'may', openest: 0, mostClosed: 0 };

/** For a principal and a right: what is seen of each field; of no field, whether the right is there at all. */
function viewer(policy: Policy, name: string, texts: ReturnType<typeof filterTexts>) {
  const dataset = policy.catalog.datasets.get(name);
  return (who: Parameters<typeof decide>[1], right: Right): ((field: string | undefined) => CellView) => {
    if (!dataset) return () => NOTHING;
    const decision = decide(policy, who, dataset, right);
    return (field) => (field !== undefined ? cellView(decision, field, texts) : decision.rows === 'none' ? NOTHING : MAY);
  };
}

/** With the tags of both: taking a tag off a field is what a mask on the tag would fall to. */
function fieldsOf(before: Dataset | undefined, after: Dataset | undefined): ReadonlyMap<string, readonly string[]> {
  const all = [...(before?.fields ?? []), ...(after?.fields ?? [])];
  return new Map([...Map.groupBy(all, ({ name }) => name)].map(([name, fields]) => [name, [...new Set(fields.flatMap(({ tags }) => tags))].toSorted()]));
}

function movementOf(before: CellView, after: CellView): AccessMovement {
  if (!before.seen) return 'GAINED';
  if (!after.seen) return 'LOST';
  // Of two effects of one kind neither is known to be the more closed, unless they are the same: masks have settings.
  const isSame = before.cells === after.cells || (before.mostClosed === 0 && after.mostClosed === 0);
  const closes = after.openest > before.mostClosed || (after.openest === before.mostClosed && isSame);
  const opens = after.mostClosed < before.openest || (after.mostClosed === before.openest && isSame);
  if (closes && (before.rows === after.rows || before.rows === '')) return 'CLOSED';
  if (opens && (before.rows === after.rows || after.rows === '')) return 'OPENED';
  return 'CHANGED';
}

/** One entry for what is the same for several rights, purposes and audiences. */
function joined(found: readonly Found[]): readonly AccessChange[] {
  // Step by step, so that what is joined is all combinations of what the entry lists, and no other.
  const byRight = merge(found, ({ right: _, ...rest }) => JSON.stringify(rest)).map((group) => ({ first: group[0], rights: group.map(({ right }) => right) }));
  const byPurpose = merge(byRight, ({ first: { purpose: _, right: __, ...rest }, rights }) => JSON.stringify([rest, rights])).map((group) => ({
    ...group[0],
    purposes: group.map(({ first }) => first.purpose),
  }));
  const byAudience = merge(byPurpose, ({ first: { audience: _, purpose: __, right: ___, ...rest }, rights, purposes }) =>
    JSON.stringify([rest, rights, purposes]),
  );
  return byAudience.map((group) => {
    const { first, rights, purposes } = group[0];
    const { right: _, audience: __, purpose: ___, ...change } = first;
    return {
      ...change,
      rights,
      audiences: group.map((one) => one.first.audience),
      purposes: purposes.filter((purpose) => purpose !== undefined),
      withoutPurpose: purposes.includes(undefined),
    };
  });
}

function merge<T>(items: readonly T[], keyOf: (item: T) => string): readonly (readonly [T, ...T[]])[] {
  return [...Map.groupBy(items, keyOf).values()] as unknown as readonly (readonly [T, ...T[]])[];
}
