import { HeadgateError } from '../kernel/index.js';

/** One thing that is wrong in a manifest, and where. Lines and columns count from 1. */
export interface Problem {
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  /** `Dataset passengers`: the document, as far as it is known. */
  readonly document?: string;
  /** `fields[2].type`. */
  readonly path?: string;
  readonly message: string;
}

/** More than these are counted, not listed: what they say repeats by then. */
const MOST_PROBLEMS = 20;

/** The problems found while files are read, so that one run tells all of them. */
export class ProblemList {
  readonly #problems: Problem[] = [];
  #count = 0;

  add(problem: Problem): void {
    this.#count += 1;
    if (this.#problems.length < MOST_PROBLEMS) this.#problems.push(problem);
  }

  /** @throws HeadgateError BAD_USER_INPUT with `problems`, and the first one's place, when there are any. */
  throwIfAny(): void {
    const [first] = this.#problems;
    if (!first) return;
    const more = this.#count - 1;
    const { message: _, ...place } = first;
    throw new HeadgateError('BAD_USER_INPUT', describeProblem(first) + (more > 0 ? ` (and ${more} more)` : ''), {
      ...place,
      problems: this.#problems,
      count: this.#count,
    });
  }
}

/** `orders.yaml:3:9: Dataset orders, fields[2].type: ...` */
export function describeProblem({ file, line, column, document, path, message }: Problem): string {
  const place = file === undefined ? '' : `${[file, line, column].filter((part) => part !== undefined).join(':')}: `;
  const within = [document, path].filter((part) => part).join(', ');
  return `${place}${within ? `${within}: ` : ''}${message}`;
}

/** `['fields', 2, 'type']` -> `fields[2].type`. */
export function pathText(path: readonly PropertyKey[]): string {
  return path.map((part, i) => (typeof part === 'number' ? `[${part}]` : `${i === 0 ? '' : '.'}${String(part)}`)).join('');
}
