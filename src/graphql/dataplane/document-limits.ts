import { ApolloArmor } from '@escape.tech/graphql-armor';
import { GraphQLError, type ValidationContext } from 'graphql';
import type { Limits } from '../../config/index.js';
import { HeadgateError } from '../../kernel/index.js';

/** The bounds of a document, as rules of its validation and as plugins of a server. */
export function documentLimits(limits: Pick<Limits, 'maxDepth' | 'maxAliases'>) {
  const armor = new ApolloArmor({
    maxDepth: { n: limits.maxDepth, flattenFragments: true, onReject: [tooComplex('deep')], propagateOnRejection: false },
    maxAliases: { n: limits.maxAliases, onReject: [tooComplex('aliased')], propagateOnRejection: false },
    maxDirectives: { n: 50, onReject: [tooComplex('full of directives')], propagateOnRejection: false },
    // The price of a read is known exactly when it is planned.
    costLimit: { enabled: false },
    // The parser counts by itself. This one would answer a slip of the pen with 500, and tell the text of any unexpected error.
    maxTokens: { enabled: false },
    blockFieldSuggestion: { enabled: true },
  });
  return armor.protect();
}

/** Reported to the validation that found it, so that it is answered like any other fault of the document. */
function tooComplex(what: string) {
  return (context: ValidationContext | null, error: GraphQLError): void => {
    const reason = error.message.replace(/^Syntax Error: /, '');
    const originalError = new HeadgateError('QUERY_TOO_COMPLEX', `The query is too ${what}. ${reason}`);
    context?.reportError(new GraphQLError(originalError.message, { originalError }));
  };
}
