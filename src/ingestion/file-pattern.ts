import { HeadgateError } from '../kernel/index.js';

const LONGEST = 1_000;
/** Names that the lists of one pattern stand for, all put together. */
const MOST_ALTERNATIVES = 100;
/** Within one name of the path: each more is tried at every place of the others. */
const MOST_STARS = 3;
/** Parts that are any number of folders. */
const MOST_DEPTHS = 2;

/** Whether a path names files by a pattern. */
export function isPattern(path: string): boolean {
  return /[*?[{]/.test(path);
}

/**
 * What is wrong with a pattern; undefined when nothing is. There are some of a few characters that take hours, or all of the memory,
 * whatever files there are.
 */
export function patternFault(pattern: string): string | undefined {
  if (pattern.length > LONGEST) return `expected at most ${LONGEST} characters`;
  if (/[?*+@!]\(/.test(pattern)) return 'expected no signs before a bracket, as in *(a|b); name what there is with {a,b}';
  if (pattern.includes('\\')) return 'expected no backslash';
  let alternatives = 1;
  const without = pattern.replaceAll(/\{([^{}]*)\}/g, (_, list: string) => {
    alternatives *= list.split(',').length;
    // A range, or names in several folders: neither can be told from its length.
    return /\.\.|\//.test(list) ? '{' : list;
  });
  if (/[{}]/.test(without)) return 'expected lists such as {a,b}, without lists, ranges or folders in them';
  if (alternatives > MOST_ALTERNATIVES) return `expected lists that stand for at most ${MOST_ALTERNATIVES} names`;
  const names = pattern.split('/');
  if (names.filter((name) => name === '**').length > MOST_DEPTHS) return `expected ** at most ${MOST_DEPTHS} times`;
  const isMany = names.some((name) => name !== '**' && (name.match(/\*+/g) ?? []).length > MOST_STARS);
  return isMany ? `expected * at most ${MOST_STARS} times in one name` : undefined;
}

/** @throws HeadgateError BAD_USER_INPUT for a pattern that takes too long. */
export function checkPattern(pattern: string): void {
  const fault = patternFault(pattern);
  const shown = pattern.slice(0, 200);
  if (fault !== undefined) throw new HeadgateError('BAD_USER_INPUT', `The pattern "${shown}" can't be looked for: ${fault}.`, { source: shown });
}
