import { HeadgateError, sha256 } from '../kernel/index.js';
import type { TrustedDocuments } from './trusted-documents.js';

/** The parameters of a GraphQL request, as the client sent them. */
export type RequestParameters = Readonly<Record<string, unknown>>;

const SHA256 = /^[0-9a-f]{64}$/;
const PREFIX = 'sha256:';

/**
 * Lets through requests for trusted documents and for nothing else. A client names one by `documentId` (GraphQL over HTTP's
 * appendix on persisted documents), by `doc_id` or `id` (Relay), by `extensions.persistedQuery.sha256Hash` (Apollo), or
 * sends its text. Whatever comes out is validated and decided like any other request.
 */
export class DocumentGate {
  readonly #documents: TrustedDocuments;

  constructor(documents: TrustedDocuments) {
    this.#documents = documents;
  }

  /**
   * The same request with the document's text as `query`, and without the names that it was asked for by.
   * @throws HeadgateError FORBIDDEN with `operationHash`, where one is known, for all other requests: those that name a
   *   document which is not there, several, or none.
   */
  admit(parameters: unknown): Record<string, unknown> & { readonly query: string } {
    const asked = typeof parameters === 'object' && parameters !== null && !Array.isArray(parameters) ? (parameters as RequestParameters) : {};
    const { query, documentId, doc_id: docId, id, extensions, ...rest } = asked;
    const { persistedQuery, others } = takeApart(extensions);
    const names = [documentId, docId, id, persistedQuery].filter((name) => name !== undefined && name !== null);
    if (query !== undefined && query !== null && query !== '') names.push(typeof query === 'string' ? sha256(query) : query);
    const texts = new Set(names.map((name) => this.#textOf(name)));
    const [text] = texts;
    if (text === undefined || texts.size > 1) throw refusal(names);
    return { ...rest, ...(others !== undefined && { extensions: others }), query: text };
  }

  #textOf(name: unknown): string | undefined {
    if (typeof name !== 'string') return undefined;
    return this.#documents.get(name) ?? (name.startsWith(PREFIX) ? this.#documents.get(name.slice(PREFIX.length)) : undefined);
  }
}

/** Apollo's hash, and the extensions without it. In a GET they are a text. */
function takeApart(extensions: unknown): { readonly persistedQuery?: unknown; readonly others?: unknown } {
  if (extensions === undefined || extensions === null) return {};
  const parsed = typeof extensions === 'string' ? parsedOrNothing(extensions) : extensions;
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed) || !('persistedQuery' in parsed)) return { others: extensions };
  const { persistedQuery, ...others } = parsed as { readonly persistedQuery?: { readonly sha256Hash?: unknown } | null };
  // Said, but without a hash: a name of nothing.
  const hash = persistedQuery?.sha256Hash ?? '';
  if (Object.keys(others).length === 0) return { persistedQuery: hash };
  return { persistedQuery: hash, others: typeof extensions === 'string' ? JSON.stringify(others) : others };
}

function parsedOrNothing(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refusal(names: readonly unknown[]): HeadgateError {
  const hashes = names.flatMap((name) => (typeof name === 'string' ? [name.replace(PREFIX, '')] : [])).filter((name) => SHA256.test(name));
  const what =
    names.length === 0
      ? 'The request names none'
      : names.length > 1
        ? 'The request names one that is not among them, or several'
        : 'This one is not among them';
  return new HeadgateError(
    'FORBIDDEN',
    `Only trusted documents are executed here. ${what}. Name one by its id (documentId), or have yours added to the folder that Headgate was started with (HEADGATE_TRUSTED_DOCUMENTS).`,
    hashes[0] === undefined ? {} : { operationHash: hashes[0] },
  );
}
