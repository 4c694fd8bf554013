/** Values in the variables of one request: two of the longest lists, and some more. To check each against its type takes a while. */
export const MOST_VALUES = 50_000;

/** Whether there are more than may be, objects and lists counted like what is in them; it stops counting where there are. */
export function holdsTooMany(variables: unknown, most = MOST_VALUES): boolean {
  const pending: unknown[] = [variables];
  let seen = 0;
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    if (typeof value !== 'object' || value === null) continue;
    const inside = Array.isArray(value) ? value : Object.values(value);
    seen += inside.length;
    if (seen > most) return true;
    for (const one of inside) if (typeof one === 'object' && one !== null) pending.push(one);
  }
  return false;
}
