import { HeadgateError } from '../kernel/index.js';
import { hasSqlDetails, loadModule, parseSync, type Node, type SelectStmt } from 'libpg-query';
import { setFlagsFromString } from 'node:v8';
import { RESERVED, body } from './tree.js';

/** Deeper trees are refused before anything walks them with recursion; hand-written SQL stays far below. */
const DEEPEST = 200;

/**
 * Loads PostgreSQL's parser (WebAssembly). Await it once when the process starts; all else in this room is synchronous.
 *
 * V8 may run it as it is compiled first, and not compile it again: the optimising compiler takes more than 500 MB for the
 * parser's one huge function, for a while, and what it gains is 20 microseconds an expression. A small container has
 * no room for that.
 */
export async function prepareParser(): Promise<void> {
  setFlagsFromString('--no-wasm-dynamic-tiering');
  setFlagsFromString('--no-wasm-tier-up');
  await loadModule();
}

/** A text that a user wrote, and what is needed to tell where in it something is wrong. */
export class Source {
  readonly text: string;
  readonly #what: string;
  readonly #prefix: string;
  readonly #bytes: Buffer;

  /** `what` names it in errors ("expression", "query"); `prefix` makes a statement of it. */
  constructor(text: string, { what, prefix, longest }: { what: string; prefix: string; longest: number }) {
    this.text = text;
    this.#what = what;
    this.#prefix = prefix;
    if (text.trim() === '') this.refuse('it is empty');
    if (text.length > longest) this.refuse(`it may have ${longest} characters, and has ${text.length}; split it`);
    // The parser reads C strings: what comes after a NUL would not be seen.
    if (text.includes('\0') || !text.isWellFormed()) this.refuse('a NUL character or half of a surrogate pair is not allowed');
    this.#bytes = Buffer.from(prefix + text);
  }

  /**
   * The one SELECT that the text is.
   * @throws HeadgateError BAD_USER_INPUT for a syntax error, for several statements or another kind of statement, and for one nested too deeply.
   */
  parse(): SelectStmt {
    const stmts = this.#parseText(this.#prefix + this.text);
    const [first, second] = stmts;
    if (!first) this.refuse('it is empty');
    if (second) this.refuse('only one statement is allowed; leave out the semicolon and what follows it', second.stmt_location);
    this.#bound(first.stmt);
    const select = body(first.stmt, 'SelectStmt');
    if (!select) this.refuse('only a SELECT is allowed', first.stmt_location);
    return select;
  }

  /** Ends with the error; `location` is the tree's: bytes from the start, prefix included. */
  refuse(problem: string, location?: number): never {
    this.#fail(problem, location === undefined ? undefined : this.#bytes.subarray(0, location).toString().length);
  }

  #parseText(text: string) {
    try {
      return parseSync(text).stmts ?? [];
    } catch (error) {
      if (hasSqlDetails(error)) this.#fail(error.sqlDetails?.message ?? 'it is not SQL', this.#unitsOf(error.sqlDetails?.cursorPosition));
      // The parser's own stack is bounded, and it stays usable.
      if (error instanceof RangeError) this.refuse('it is nested too deeply');
      throw error;
    }
  }

  /** The parser counts characters in its errors, and JavaScript UTF-16 units. */
  #unitsOf(characters: number | undefined): number | undefined {
    return characters === undefined ? undefined : [...(this.#prefix + this.text)].slice(0, characters).join('').length;
  }

  #fail(problem: string, offset: number | undefined): never {
    if (offset === undefined) throw new HeadgateError('BAD_USER_INPUT', `This ${this.#what} can't be used: ${problem}.`);
    const before = this.text.slice(0, Math.max(0, offset - this.#prefix.length));
    const position = [...before].length + 1;
    throw new HeadgateError('BAD_USER_INPUT', `This ${this.#what} can't be used: ${problem} (at character ${position}).`, { position });
  }

  /** Depth, and no name that could be taken for one of ours. Without recursion: the tree is not trusted yet. */
  #bound(root: Node | undefined): void {
    const waiting: { value: unknown; depth: number }[] = [{ value: root, depth: 0 }];
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      const { value, depth } = next;
      if (typeof value === 'string' && value.toLowerCase().startsWith(RESERVED)) this.refuse(`names that begin with ${RESERVED} are reserved`);
      if (typeof value !== 'object' || value === null) continue;
      if (depth > DEEPEST) this.refuse('it is nested too deeply');
      for (const [key, child] of Object.entries(value)) waiting.push({ value: child, depth: depth + (/^[A-Z]/.test(key) ? 1 : 0) });
    }
  }
}
