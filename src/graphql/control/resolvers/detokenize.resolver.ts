import { Arg, Ctx, Mutation, Resolver } from 'type-graphql';
import { HeadgateError } from '../../../kernel/index.js';
import type { RequestContext } from '../../context.js';
import { visibleDataset } from '../rights.js';
import { DetokenizedValue, DetokenizeInput } from '../types/detokenize.type.js';

@Resolver()
export class DetokenizeResolver {
  @Mutation(() => [DetokenizedValue], {
    description:
      'What tokens of a field stand for, in their order, as far as rows that you may see hold it. For grants with the right detokenize; each call is in the audit.',
  })
  async detokenize(@Ctx() context: RequestContext, @Arg('input', () => DetokenizeInput) input: DetokenizeInput): Promise<readonly DetokenizedValue[]> {
    const { principal, world, services } = context;
    const dataset = visibleDataset(context, input.dataset);
    const field = dataset.fields.find(({ name, graphqlName }) => name === input.field || graphqlName === input.field);
    if (!field) throw new HeadgateError('NOT_FOUND', `${dataset.name} has no field "${input.field}".`, { dataset: dataset.name, field: input.field });
    const { tokens, reason } = input;
    return services.detokenizer.detokenize({ principal, authorizer: world.authorizer, dataset, field: field.name, tokens, reason });
  }
}
