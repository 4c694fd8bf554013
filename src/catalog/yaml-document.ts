import { isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments, visit, type Document, type Node, type Pair, type Scalar } from 'yaml';
import { messageOf } from '../kernel/index.js';
import { pathText, type Problem } from './problem.js';
import { variableProblem } from './secret.js';

/** How often one document may repeat what an anchor names, all nesting multiplied out: stops an alias bomb. */
const MOST_ALIASES = 100;
/** Deeper than any manifest needs, and far from the end of the stack. */
const DEEPEST = 40;

export type Path = readonly PropertyKey[];

export interface Position {
  readonly line: number;
  readonly column: number;
}

/** One document of a YAML file as plain values that PostgreSQL can keep, with the way back to its lines. */
export interface YamlDocument {
  readonly value: unknown;
  /** Where the value at `path` starts, or its key; where that is missing, what would hold it. */
  position(path: Path, at?: 'key' | 'value'): Position;
}

type Report = (problem: Omit<Problem, 'file'>) => void;

/** Reads the documents that are whole; what is wrong with the others is reported. Empty documents are left out. */
export function readYaml(text: string, report: Report): YamlDocument[] {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, version: '1.2', stringKeys: false });
  if (!Array.isArray(documents)) return [];
  const read: YamlDocument[] = [];
  for (const document of documents as Document.Parsed[]) {
    if (document.contents === null && document.errors.length === 0) continue;
    // After the first error a parser mostly reports consequences.
    const [error] = [...document.errors, ...document.warnings];
    if (error) {
      report({ ...positionOf(lines, error.pos[0]), message: syntaxMessage(error.code, error.message) });
      continue;
    }
    if (isScalar(document.contents) && document.contents.value === null) continue;
    if (hasProblem(document, lines, report)) continue;
    try {
      const value: unknown = document.toJS({ maxAliasCount: MOST_ALIASES });
      read.push({ value, position: (path, at) => positionOf(lines, find(document, path, at)) });
    } catch (error) {
      const bomb = error instanceof ReferenceError;
      report({
        ...positionOf(lines, document.range[0]),
        message: bomb ? `aliases repeat more than ${MOST_ALIASES} times what they name; write the parts out` : messageOf(error),
      });
    }
  }
  return read;
}

function syntaxMessage(code: string, message: string): string {
  if (code === 'DUPLICATE_KEY') return 'this key is there twice; keep one of them';
  if (code === 'RESOURCE_EXHAUSTION') return `this is nested deeper than the ${DEEPEST} levels allowed`;
  if (code === 'TAG_RESOLVE_FAILED') return `YAML tags are not part of manifests: ${message}`;
  const hint = message.includes('flow-seq-start') ? '. A list type inside { } needs quotes: "text[]"' : '';
  return `this is not YAML: ${message}${hint}`;
}

function positionOf(lines: LineCounter, offset: number | undefined): Position {
  const { line, col } = lines.linePos(offset ?? 0);
  return { line, column: col };
}

/** What YAML allows and a manifest does not: values that can't be kept as they are, foreign variables, loops. */
function hasProblem(document: Document.Parsed, lines: LineCounter, report: Report): boolean {
  let found = false;
  const complain = (node: Node, ancestors: readonly unknown[], message: string): void => {
    found = true;
    report({ ...positionOf(lines, node.range?.[0]), path: pathText(pathOf(ancestors, node)), message });
  };
  visit(document, {
    Pair(_, pair, ancestors) {
      const key = pair.key;
      if (!isScalar(key) || typeof key.value !== 'string') complain(key as Node, ancestors, 'a key must be a text; put it in quotes');
      else if (key.value === '__proto__') complain(key, ancestors, 'this can not be a key');
      else if (key.value.includes('${')) complain(key, ancestors, 'a variable can not stand in a key, only in a text value');
      return undefined;
    },
    Alias(_, alias, ancestors) {
      const target = alias.resolve(document);
      if (target && ancestors.includes(target)) complain(alias, ancestors, `the alias *${alias.source} is inside what it names`);
    },
    Scalar(key, scalar, ancestors) {
      const problem = key === 'key' ? undefined : scalarProblem(scalar);
      if (problem) complain(scalar, ancestors, problem);
    },
    Collection(_, node, ancestors) {
      // Each level of a map is a pair and a map among the ancestors.
      if (ancestors.length < DEEPEST * 2) return undefined;
      complain(node, [], `this is nested deeper than the ${DEEPEST} levels allowed`);
      return visit.BREAK;
    },
  });
  return found;
}

function scalarProblem(scalar: Scalar): string | undefined {
  const { value } = scalar;
  if (typeof value === 'string') {
    if (value.includes('\0') || !value.isWellFormed()) return 'a text can hold neither NUL characters nor halves of a surrogate pair';
    return variableProblem(value);
  }
  if (typeof value === 'number') {
    const digits = (scalar.source ?? '')
      .replace(/e.*$/i, '')
      .replaceAll(/[^0-9]/g, '')
      .replace(/^0+/, '');
    if (!Number.isFinite(value)) return 'this is not a number that can be kept; put it in quotes to mean the text';
    if (digits.length > 15 && !/^0[xo]/i.test(scalar.source ?? '')) return 'this number has more digits than can be kept; put it in quotes';
  }
  return undefined;
}

/** The path of a node from its ancestors, as `visit` gives them. */
function pathOf(ancestors: readonly unknown[], node: Node): (string | number)[] {
  const chain = [...ancestors, node];
  return chain
    .flatMap((ancestor, i): (string | number)[] => {
      if (isSeq(ancestor)) return [ancestor.items.indexOf(chain[i + 1])];
      const key = (ancestor as Pair | undefined)?.key;
      return isScalar(key) ? [String(key.value)] : [];
    })
    .filter((part) => part !== -1);
}

/** The offset of what is at `path`, or of the last part of it that is there. */
function find(document: Document.Parsed, path: Path, at: 'key' | 'value' = 'value'): number | undefined {
  let node: unknown = document.contents;
  let offset = document.contents?.range?.[0];
  for (const [i, part] of path.entries()) {
    const held: unknown = isAlias(node) ? node.resolve(document) : node;
    if (isMap(held)) {
      const pair = held.items.find(({ key }) => isScalar(key) && String(key.value) === String(part));
      if (!pair) break;
      const wanted = at === 'key' && i === path.length - 1 ? pair.key : (pair.value ?? pair.key);
      offset = (wanted as Node).range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(held)) {
      node = held.items[Number(part)];
      if (!node) break;
      offset = (node as Node).range?.[0] ?? offset;
    } else break;
  }
  return offset;
}
