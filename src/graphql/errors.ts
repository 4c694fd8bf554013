import { unwrapResolverError } from '@apollo/server/errors';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import { HeadgateError, isHeadgateError, newId, type ErrorCode, type Log } from '../kernel/index.js';

/** Codes that Apollo gives to what it finds by itself, in ours. */
const APOLLO_CODES: Readonly<Record<string, ErrorCode>> = {
  GRAPHQL_PARSE_FAILED: 'GRAPHQL_VALIDATION_FAILED',
  GRAPHQL_VALIDATION_FAILED: 'GRAPHQL_VALIDATION_FAILED',
  BAD_USER_INPUT: 'BAD_USER_INPUT',
  BAD_REQUEST: 'BAD_USER_INPUT',
  OPERATION_RESOLUTION_FAILURE: 'BAD_USER_INPUT',
};
/** Clients of automatic persisted queries act on these words, so they stay. */
const KEPT_CODES: ReadonlySet<string> = new Set(['PERSISTED_QUERY_NOT_FOUND', 'PERSISTED_QUERY_NOT_SUPPORTED']);

/**
 * The errors that leave: ours as they are, GraphQL's own with their text, and of everything else only an id under which
 * the log has it. No stack, no text of a database.
 */
export function errorFormatter(log: Log): (formatted: GraphQLFormattedError, error: unknown) => GraphQLFormattedError {
  return (formatted, error) => {
    const place = { ...(formatted.locations && { locations: formatted.locations }), ...(formatted.path && { path: formatted.path }) };
    const original = ofDocument(error) ?? unwrapResolverError(error);
    if (isHeadgateError(original)) return { message: original.message, ...place, extensions: { ...original.details, code: original.code } };

    const code = formatted.extensions?.['code'];
    if (typeof code === 'string' && KEPT_CODES.has(code)) return { message: formatted.message, ...place, extensions: { code } };
    const known = isRequestsFault(error) ? 'BAD_USER_INPUT' : typeof code === 'string' ? APOLLO_CODES[code] : undefined;
    // Found by GraphQL itself, in the document or its variables; an error of a resolver has a path.
    if (known && error instanceof GraphQLError && formatted.path === undefined)
      return { message: withoutSuggestion(formatted.message), ...place, extensions: { code: known } };
    if (error instanceof GraphQLError && REFUSALS.has(error)) return { message: error.message, ...place, extensions: { ...error.extensions } };

    const id = newId();
    log.error({ err: original, errorId: id }, 'an error without a code');
    const message = `Something went wrong on our side. The log has it under ${id}.`;
    return { message, ...place, extensions: { code: 'INTERNAL_SERVER_ERROR', id } };
  };
}

/** Errors as they leave, of what the server has no part in. */
export function errorsFormatter(log: Log): (errors: readonly GraphQLError[]) => GraphQLFormattedError[] {
  const format = errorFormatter(log);
  return (errors) => errors.map((error) => format(asTheServerGives(error), error));
}

/** An error as the server hands it to the formatter. */
function asTheServerGives(error: GraphQLError): GraphQLFormattedError {
  return { ...error.toJSON(), extensions: { code: 'INTERNAL_SERVER_ERROR', ...error.extensions } };
}

/** Apollo says only by the status that a persisted query was asked for in a wrong way. */
function isRequestsFault(error: unknown): boolean {
  const http = error instanceof GraphQLError ? (error.extensions['http'] as { readonly status?: number } | undefined) : undefined;
  const code = error instanceof GraphQLError ? error.extensions['code'] : undefined;
  return code === undefined && http?.status === 400;
}

/** Our own error about a document, which has no path: a limit that a validation rule reported, or the parser's. */
function ofDocument(error: unknown): HeadgateError | undefined {
  if (!(error instanceof GraphQLError)) return undefined;
  if (isHeadgateError(error.originalError)) return error.originalError;
  const tokens = TOO_MANY_TOKENS.exec(error.message)?.[1];
  return tokens === undefined
    ? undefined
    : new HeadgateError('QUERY_TOO_COMPLEX', `The query is too long. It may have ${tokens} tokens (names, numbers, texts, signs).`);
}

/** Of the names that were taken out nothing is left to say. */
function withoutSuggestion(message: string): string {
  return message.replace(/ \[Suggestion hidden\]\?/g, '');
}

/** What graphql-js says, spelling included. */
const TOO_MANY_TOKENS = /^Syntax Error: Document contains more tha[nt] (\d+) tokens/;

/** Refusals of fields are made as GraphQL errors with a path of their own, not thrown by a resolver. */
const REFUSALS = new WeakSet<GraphQLError>();

export function refusalError(message: string, path: readonly (string | number)[], extensions: Readonly<Record<string, unknown>>): GraphQLError {
  const error = new GraphQLError(message, { path, extensions });
  REFUSALS.add(error);
  return error;
}
