import { listOf } from '../../../catalog/index.js';
import { HeadgateError, pointerOf } from '../../../kernel/index.js';

const DEEPEST = 3;
/** Of an answer with more members, the others are not looked at. */
const MOST_MEMBERS = 2_000;

export interface Member {
  readonly pointer: string;
  readonly name: string;
  readonly value: unknown;
}

/** Members of objects in objects, those further outside first. */
export function membersIn(answer: unknown): readonly Member[] {
  const found: Member[] = [];
  let level: { readonly keys: readonly string[]; readonly value: unknown }[] = [{ keys: [], value: answer }];
  for (let depth = 0; depth < DEEPEST; depth += 1) {
    const next: typeof level = [];
    for (const { keys, value } of level) {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) continue;
      for (const [name, inner] of Object.entries(value)) {
        if (found.length === MOST_MEMBERS) return found;
        found.push({ pointer: pointerOf([...keys, name]), name, value: inner });
        next.push({ keys: [...keys, name], value: inner });
      }
    }
    level = next;
  }
  return found;
}

/**
 * Where in an answer the rows are, as a JSON pointer: the answer itself, or its one list of objects; of several, one that is further
 * outside than all others.
 * @throws HeadgateError BAD_USER_INPUT when there is no such list, or it can't be told which
 */
export function itemsIn(source: string, answer: unknown): string {
  if (Array.isArray(answer)) return '';
  const lists = membersIn(answer).filter(({ value }) => Array.isArray(value));
  const ofRows = lists.filter(({ value }) => (value as unknown[]).length > 0 && (value as unknown[]).every(isObject));
  const depthOf = ({ pointer }: Member) => pointer.split('/').length;
  const outer = Math.min(...ofRows.map(depthOf));
  const [first, ...others] = ofRows.filter((list) => depthOf(list) === outer);
  if (first && others.length === 0) return first.pointer;
  const problem = first ? `has several lists: ${listOf([first, ...others].map(({ pointer }) => pointer))}` : 'has no list of objects near its outside';
  throw new HeadgateError('BAD_USER_INPUT', `What the source ${source} answers ${problem}. Say where the rows are with --items, a JSON pointer.`, { source });
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
