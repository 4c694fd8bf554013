/** Clauses that begin a line. */
const CLAUSES = /^(SELECT|FROM|WHERE|ORDER BY|LIMIT|CROSS JOIN LATERAL)\b/;

/** The statement with its clauses on lines of their own, indented by subquery. Only spaces outside of quotes change. */
export function prettySql(text: string): string {
  const lines = [''];
  /** For each open parenthesis: does it hold a subquery? */
  const open: boolean[] = [];
  const newLine = () => lines.push('  '.repeat(open.filter(Boolean).length));
  const write = (piece: string) => (lines[lines.length - 1] += piece);
  for (let at = 0; at < text.length;) {
    const rest = text.slice(at);
    const [quoted] = /^("([^"]|"")*"|'([^']|'')*')/.exec(rest) ?? [];
    if (quoted !== undefined) {
      write(quoted);
      at += quoted.length;
      continue;
    }
    const isWordStart = at === 0 || !/[\w.]/.test(text[at - 1] ?? '');
    const [clause] = (isWordStart && CLAUSES.exec(rest)) || [];
    // The clauses of an aggregate or window stay in their line.
    if (clause !== undefined && (open.at(-1) ?? true)) {
      if (lines.length > 1 || lines[0] !== '') newLine();
      write(clause);
      at += clause.length;
      continue;
    }
    if (rest.startsWith('(')) open.push(/^\(\s*SELECT\b/.test(rest));
    if (rest.startsWith(')') && open.pop() === true) newLine();
    write(rest[0] ?? '');
    at += 1;
  }
  return lines.map((line) => line.trimEnd()).join('\n');
}
