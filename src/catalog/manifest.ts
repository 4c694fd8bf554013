import { HeadgateError } from '../kernel/index.js';
import type { Fail, ManifestKind } from './manifest-kind.js';
import { describeProblem, pathText, ProblemList, type Problem } from './problem.js';
import { checkSchema } from './schema-problems.js';
import { didYouMean, listOf } from './suggest.js';
import { readYaml, type Path, type YamlDocument } from './yaml-document.js';

/** A text with manifests in it, and the name by which errors call it. */
export interface ManifestFile {
  readonly file: string;
  readonly text: string;
}

/** A document that fits its kind's schema. */
export interface ManifestDocument {
  readonly kind: string;
  readonly name: string;
  /** Normalised by the kind's schema; undefined for `state: absent`. */
  readonly spec: object | undefined;
  /** Throws an error that names this document's place. */
  readonly fail: Fail;
}

/** Manifests are written by hand or by a generator; more than this is neither. */
const LARGEST_FILE = 5_000_000;
const LARGEST_SUM = 20_000_000;

/**
 * Reads manifests: YAML 1.2, several documents to a file. All problems of all files are told at once.
 * @throws HeadgateError BAD_USER_INPUT with `file`, `line`, `column` and `path` of the first problem, and `problems`.
 */
export function parseManifests(files: readonly ManifestFile[], kinds: readonly ManifestKind[]): ManifestDocument[] {
  const problems = new ProblemList();
  checkSizes(files);
  const documents: ManifestDocument[] = [];
  const places = new Map<string, string>();
  let count = 0;
  for (const { file, text } of files) {
    for (const yaml of readYaml(text, (problem) => {
      count += 1;
      problems.add({ file, ...problem });
    })) {
      count += 1;
      const document = readDocument(file, yaml, kinds, problems);
      if (!document) continue;
      const { line, column } = yaml.position(['name']);
      const id = `${document.kind} ${document.name}`;
      const earlier = places.get(id);
      if (earlier)
        problems.add({ file, line, column, document: id, path: 'name', message: `there is a document of this name already, at ${earlier}; keep one of them` });
      places.set(id, `${file}:${line}`);
      documents.push(document);
    }
  }
  if (count === 0)
    throw new HeadgateError(
      'BAD_USER_INPUT',
      `There is no document in ${listOf(
        files.map(({ file }) => file),
        5,
      )}. A manifest starts with a line such as "kind: Dataset".`,
      { file: files[0]?.file },
    );
  problems.throwIfAny();
  return documents;
}

/** The document that takes something out of force, for a deletion that no file asks for. */
export function absentDocument(kind: string, name: string): ManifestDocument {
  const fail: Fail = (path, message, code = 'BAD_USER_INPUT') => {
    throw new HeadgateError(code, describeProblem({ document: `${kind} ${name}`, path: pathText(path), message }), { kind, name, path: pathText(path) });
  };
  return { kind, name, spec: undefined, fail };
}

function checkSizes(files: readonly ManifestFile[]): void {
  let sum = 0;
  for (const { file, text } of files) {
    sum += text.length;
    if (text.length > LARGEST_FILE) {
      throw new HeadgateError('BAD_USER_INPUT', `${file} has ${text.length} characters; a manifest file can have ${LARGEST_FILE}. Split it.`, {
        file,
        expected: LARGEST_FILE,
        actual: text.length,
      });
    }
  }
  if (sum > LARGEST_SUM)
    throw new HeadgateError('BAD_USER_INPUT', `The manifests have ${sum} characters together; ${LARGEST_SUM} can be applied at once. Apply them in parts.`, {
      expected: LARGEST_SUM,
      actual: sum,
    });
}

function readDocument(file: string, yaml: YamlDocument, kinds: readonly ManifestKind[], problems: ProblemList): ManifestDocument | undefined {
  const add = (path: Path, message: string, at: 'key' | 'value' = 'value', document?: string): undefined => {
    problems.add({ file, ...yaml.position(path, at), ...(document !== undefined && { document }), path: pathText(path), message });
  };
  if (!isRecord(yaml.value)) return add([], 'a document is a map of keys that starts with "kind:"');
  const { kind: kindName, state, ...body } = yaml.value;
  const known = kinds.map(({ kind }) => kind);
  if (typeof kindName !== 'string') return add(['kind'], `kind is missing; expected one of ${listOf(known)}`);
  const kind = kinds.find((candidate) => candidate.kind === kindName);
  if (!kind) return add(['kind'], `unknown kind "${kindName}".${didYouMean(kindName, known)} Known: ${listOf(known)}.`);
  const { name } = body;
  if (typeof name !== 'string' || name === '') return add(['name'], `${kindName} needs a name, as a text`, 'value', kindName);
  const id = `${kindName} ${name.slice(0, 100)}`;
  if (state !== undefined && state !== 'present' && state !== 'absent') return add(['state'], 'expected present or absent', 'value', id);

  const fail = failIn(file, yaml, id);
  if (state === 'absent') return { kind: kindName, name, spec: undefined, fail };
  const checked = checkSchema(kind.schema, body);
  if ('spec' in checked) return { kind: kindName, name, spec: checked.spec, fail };
  for (const { path, message, at } of checked.problems) add(path, message, at, id);
  return undefined;
}

/** For what shows only when the document meets the catalog. */
function failIn(file: string, yaml: YamlDocument, document: string): Fail {
  return (path, message, code = 'BAD_USER_INPUT') => {
    const problem: Problem = { file, ...yaml.position(path), document, path: pathText(path), message };
    const { message: _, ...place } = problem;
    throw new HeadgateError(code, describeProblem(problem), { ...place, problems: [problem], count: 1 });
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
