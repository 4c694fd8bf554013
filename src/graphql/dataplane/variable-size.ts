/** Values in the variables of one request: two of the longest lists, and some more. To check each against its type takes a while. */
export const MOST_VALUES = 50_000;

/** Levels of objects and lists in them: whatever walks through them has a stack. */
export const MOST_LEVELS = 500;

/** Whether there are more than may be, objects and lists counted like what is in them, or more levels; it stops counting where there are. */
export function holdsTooMany(variables: unknown, most = MOST_VALUES): boolean {
  let level: unknown[] = [variables];
  let seen = 0;
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MOST_LEVELS) return true;
    const next: unknown[] = [];
    for (const value of level) {
      if (typeof value !== 'object' || value === null) continue;
      const inside = Array.isArray(value) ? value : Object.values(value);
      seen += inside.length;
      if (seen > most) return true;
      for (const one of inside) if (typeof one === 'object' && one !== null) next.push(one);
    }
    level = next;
  }
  return false;
}
