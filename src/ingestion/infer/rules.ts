import type { ScalarType } from '../../catalog/index.js';
import type { ColumnProfile } from './column-profile.js';

/** A rule as a manifest has it. */
export type InferredRule =
  | { readonly between: readonly [number, number] }
  | { readonly in: readonly string[]; readonly severity: 'warn' }
  | { readonly matches: string; readonly severity: 'warn' };

/** Rows from which on values that are there again and again say something. */
const ENOUGH_ROWS = 200;
const MOST_MEMBERS = 12;
/** How often each member is there at the least, so that another one would have been seen. */
const LEAST_OFTEN = 5;
const NAMED_BY = /(?:^|_)(id|uuid|guid|key|code|no|nr|number)$/;
const ENOUGH_SHAPED = 100;

/** Rules that the values support well: few, since one too many keeps good rows out. */
export function inferRules(profile: ColumnProfile, name: string, type: ScalarType): readonly InferredRule[] {
  const { lowest, highest, values } = profile;
  if (type === 'float') {
    if (/^(lat|latitude)$|_(lat|latitude)$/.test(name) && lowest >= -90 && highest <= 90) return [{ between: [-90, 90] }];
    if (/^(lon|lng|long|longitude)$|_(lon|lng|longitude)$/.test(name) && lowest >= -180 && highest <= 180) return [{ between: [-180, 180] }];
    return [];
  }
  if (type !== 'text' || values < ENOUGH_ROWS) return [];
  const { counts } = profile;
  // Of what rows are named by, there will be others.
  if (NAMED_BY.test(name)) return shaped(profile);
  if (counts && counts.size >= 2 && counts.size <= MOST_MEMBERS && [...counts.values()].every((often) => often >= LEAST_OFTEN)) {
    const members = [...counts.keys()].toSorted();
    if (members.every((member) => member.length <= 60)) return [{ in: members, severity: 'warn' }];
  }
  return shaped(profile);
}

/** Codes of two to four capital letters, all of one length. */
function shaped({ sample, shortest, longest }: ColumnProfile): readonly InferredRule[] {
  if (sample.size < ENOUGH_SHAPED || shortest !== longest || longest < 2 || longest > 4) return [];
  if (![...sample].every((value) => /^[A-Z]+$/.test(value))) return [];
  return [{ matches: `^[A-Z]{${longest}}$`, severity: 'warn' }];
}
