import { isHeadgateError, messageOf, type ErrorCode } from '../kernel/index.js';

/** How a command ends: what it set out to do was done; it failed; it was called wrongly; the data or a check was rejected. */
export const EXIT = { done: 0, failed: 1, usage: 2, rejected: 3 } as const;

const REJECTED: readonly ErrorCode[] = ['DATA_REJECTED', 'CONTRACT_VIOLATION'];

/** One line on standard error, with the code; never a stack. Returns the exit code that goes with it. */
export function printError(error: unknown, json: boolean): number {
  const code: ErrorCode = isHeadgateError(error) ? error.code : 'INTERNAL_SERVER_ERROR';
  const message = messageOf(error);
  if (json) {
    console.error(JSON.stringify({ error: { code, message, details: isHeadgateError(error) ? error.details : {} } }));
  } else {
    console.error(`${code}: ${message}`);
    for (const line of furtherProblems(error)) console.error(`  ${line}`);
  }
  return REJECTED.includes(code) ? EXIT.rejected : EXIT.failed;
}

/** What else was wrong, where the first line tells only the first. */
function furtherProblems(error: unknown): string[] {
  const problems = isHeadgateError(error) ? error.details['problems'] : undefined;
  if (!Array.isArray(problems)) return [];
  return problems.slice(1).flatMap((problem: unknown) => {
    if (typeof problem !== 'object' || problem === null || !('message' in problem)) return [];
    const { file, line, column, document, path, message } = problem as Record<string, string | number | undefined>;
    const place = [file, line, column].filter((part) => part !== undefined).join(':');
    return [`${[place, [document, path].filter(Boolean).join(', ')].filter(Boolean).join(': ')}: ${message}`];
  });
}

/** JSON for machines, or the lines for people. */
export function print(value: unknown, json: boolean | undefined, lines: () => readonly string[]): void {
  if (json) console.log(JSON.stringify(value, undefined, 2));
  else for (const line of lines()) console.log(line);
}

/** Columns side by side; the last one is not padded. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => (row[i] ?? '').length)));
  return rows.map((row) =>
    row
      .map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

export function bytesText(bytes: number): string {
  const units = ['bytes', 'KB', 'MB', 'GB', 'TB'];
  const step = Math.min(units.length - 1, bytes < 1000 ? 0 : Math.floor(Math.log10(bytes) / 3));
  return `${step === 0 ? bytes : (bytes / 1000 ** step).toFixed(1)} ${units[step]}`;
}
