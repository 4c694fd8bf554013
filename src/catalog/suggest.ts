/** `Did you mean "x"?`, with a space before it, when one of the known names is near; else nothing. */
export function didYouMean(name: string, known: Iterable<string>): string {
  const allowed = name.length <= 4 ? 1 : 2;
  let best: { readonly name: string; readonly distance: number } | undefined;
  for (const candidate of known) {
    const same = candidate.toLowerCase().replaceAll(/[_-]/g, '') === name.toLowerCase().replaceAll(/[_-]/g, '');
    const distance = same ? 0 : editDistance(name.slice(0, 60), candidate.slice(0, 60));
    if (distance <= allowed && distance < (best?.distance ?? Infinity)) best = { name: candidate, distance };
  }
  return best ? ` Did you mean "${best.name}"?` : '';
}

/** The names as a list to read, cut when it is long. */
export function listOf(names: Iterable<string>, most = 20): string {
  const all = [...names];
  if (all.length === 0) return 'none';
  return all.slice(0, most).join(', ') + (all.length > most ? ` and ${all.length - most} more` : '');
}

/** Insertions, deletions, replacements and exchanges of neighbours that turn one text into the other (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const exchanged = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? (before[j - 2] ?? 0) + 1 : Infinity;
      next.push(Math.min(replaced, exchanged, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? 0;
}
