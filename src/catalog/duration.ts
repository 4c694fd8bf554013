const UNITS = [
  ['w', 604_800],
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
  ['s', 1],
] as const;

/** `24h` -> 86400; undefined when it is no duration of at least a second and at most a hundred years. */
export function parseDuration(text: string): number | undefined {
  const match = /^([1-9]\d{0,9})([wdhms])$/.exec(text);
  const unit = UNITS.find(([letter]) => letter === match?.[2]);
  if (!match || !unit) return undefined;
  const seconds = Number(match[1]) * unit[1];
  return seconds <= 100 * 366 * 86_400 ? seconds : undefined;
}

/** 86400 -> `1d`: the largest unit that divides it. */
export function durationText(seconds: number): string {
  const [letter, size] = UNITS.find(([, unit]) => seconds % unit === 0) ?? ['s', 1];
  return `${seconds / size}${letter}`;
}

/** `200ms` -> 200, `2s` -> 2000; undefined when it is neither a duration nor milliseconds. */
export function parseMs(text: string): number | undefined {
  const ms = /^([1-9]\d{0,9})ms$/.exec(text)?.[1];
  if (ms !== undefined) return Number(ms);
  const seconds = parseDuration(text);
  return seconds === undefined ? undefined : seconds * 1_000;
}

/** 2000 -> `2s`, 200 -> `200ms` */
export function msText(ms: number): string {
  return ms % 1_000 === 0 ? durationText(ms / 1_000) : `${ms}ms`;
}
