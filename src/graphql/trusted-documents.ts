import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { GraphQLError, parse } from 'graphql';
import { HeadgateError, messageOf, sha256 } from '../kernel/index.js';

/** The texts of documents, by each name that a client may ask for them by. */
export type TrustedDocuments = ReadonlyMap<string, string>;

/**
 * Reads all documents of a folder and the folders in it. `*.json` are manifests: id and text, as codegen's client preset
 * and Relay write them, or Apollo's with `operations`. `*.graphql` and `*.gql` hold one document each. Each has its SHA-256 as
 * a name, beside the manifest's own.
 * @throws HeadgateError BAD_USER_INPUT with `file` when the folder or a file can't be used, two documents have one name, or
 *   there are none.
 */
export async function readTrustedDocuments(folder: string): Promise<TrustedDocuments> {
  const documents = new Map<string, string>();
  for (const file of await filesIn(folder)) {
    const text = await readFile(file, 'utf8').catch((cause: unknown) => fail(file, `it can't be read: ${messageOf(cause)}`, cause));
    const found = extname(file) === '.json' ? idsIn(file, text) : [[sha256(text), text] as const];
    for (const [id, document] of found) {
      check(file, id, document);
      for (const name of [id, sha256(document)]) {
        if ((documents.get(name) ?? document) !== document) fail(file, `the id ${shown(name)} stands for another document already`);
        documents.set(name, document);
      }
    }
  }
  // Editors end a file with a line end, which clients do not send. A name that a document has by itself stays its own.
  for (const document of new Set(documents.values())) {
    const trimmed = sha256(document.trimEnd());
    if (!documents.has(trimmed)) documents.set(trimmed, document);
  }
  if (documents.size === 0) fail(folder, 'there is no document in it: expected manifests (*.json) or documents (*.graphql)');
  return documents;
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((cause: unknown) =>
    fail(folder, `the folder can't be read: ${messageOf(cause)}`, cause),
  );
  return entries
    .filter((entry) => entry.isFile() && ['.json', '.graphql', '.gql'].includes(extname(entry.name)))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
}

const EXPECTED = 'expected a manifest of persisted documents: an object of ids and texts, or one with "operations"';

function idsIn(file: string, text: string): (readonly [id: string, document: string])[] {
  let manifest: unknown;
  try {
    manifest = JSON.parse(text);
  } catch (cause) {
    fail(file, `it is not JSON, and ${EXPECTED}`, cause);
  }
  if (!isObject(manifest)) fail(file, EXPECTED);
  const { operations } = manifest;
  const pairs = Array.isArray(operations)
    ? operations.map((operation: unknown): [unknown, unknown] => (isObject(operation) ? [operation['id'], operation['body']] : [undefined, undefined]))
    : Object.entries(manifest);
  return pairs.map(([id, document]) =>
    typeof id === 'string' && id !== '' && typeof document === 'string' ? ([id, document] as const) : fail(file, EXPECTED),
  );
}

function check(file: string, id: string, document: string): void {
  try {
    parse(document);
  } catch (cause) {
    fail(file, `the document ${shown(id)} is not GraphQL: ${cause instanceof GraphQLError ? cause.message : messageOf(cause)}`, cause);
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shown(id: string): string {
  return JSON.stringify(id.slice(0, 80));
}

function fail(file: string, problem: string, cause?: unknown): never {
  throw new HeadgateError('BAD_USER_INPUT', `HEADGATE_TRUSTED_DOCUMENTS: ${file}: ${problem}.`, { file }, { cause });
}
