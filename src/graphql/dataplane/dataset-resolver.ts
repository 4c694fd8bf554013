import { GraphQLObjectType, GraphQLSchema, type GraphQLFieldResolver } from 'graphql';
import { HeadgateError } from '../../kernel/index.js';
import type { RequestContext } from '../context.js';
import { rule, shielded } from '../shield.js';
import { RawJsonScalar } from './raw-json.js';

/**
 * The one resolver of all dataset roots, behind the one rule that guards them. Shielding a thousand types costs most of
 * a second, so a schema of one field is shielded once and its resolver is used for every dataset.
 */
export function datasetResolver(): GraphQLFieldResolver<unknown, RequestContext> {
  const mayRead = rule<RequestContext>('mayReadDataset', async (_parent, args, context, info) => {
    try {
      await context.reads.prepare(args, info);
      return true;
    } catch (error) {
      // Given back and not thrown: of what a rule throws, the shield makes a refusal.
      return error instanceof Error ? error : new Error('a rule threw what is no error', { cause: error });
    }
  });
  const query = new GraphQLObjectType<unknown, RequestContext>({
    name: 'Query',
    fields: { dataset: { type: RawJsonScalar, resolve: (_parent, _args, context, info) => context.reads.run(info) } },
  });
  const guarded = shielded(new GraphQLSchema({ query }), { Query: { dataset: mayRead } }, new HeadgateError('FORBIDDEN', 'Not granted.'));
  const resolve = guarded.getQueryType()?.getFields()['dataset']?.resolve;
  if (!resolve) throw new Error('the shielded schema lost its resolver');
  return resolve as GraphQLFieldResolver<unknown, RequestContext>;
}
