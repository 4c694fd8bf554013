import { Arg, Ctx, FieldResolver, ID, Int, Mutation, Query, Resolver, Root } from 'type-graphql';
import { type ProposalStatus, type Sees } from '../../../classification/index.js';
import { timeCursor } from '../../../store/index.js';
import type { RequestContext } from '../../context.js';
import { visibleDataset } from '../rights.js';
import { Dataset, toDataset } from '../types/dataset.type.js';
import { TagProposalStatusEnum } from '../types/enums.js';
import { pageOf, type Page } from '../types/page.js';
import { TagProposal, TagProposalConnection, toTagProposal } from '../types/tag-proposal.type.js';
import { pageSize } from './dataset.resolver.js';

@Resolver(() => TagProposal)
export class TagProposalResolver {
  @Query(() => TagProposalConnection, { description: 'Tags that were found when rows were loaded, newest first, for fields that you may know of.' })
  async tagProposals(
    @Ctx() context: RequestContext,
    @Arg('dataset', () => String, { nullable: true }) dataset?: string,
    @Arg('status', () => TagProposalStatusEnum, { nullable: true, description: 'All when left out.' }) status?: ProposalStatus,
    @Arg('first', () => Int, { nullable: true }) first?: number,
    @Arg('after', () => String, { nullable: true }) after?: string,
  ): Promise<Page<TagProposal>> {
    if (dataset !== undefined) visibleDataset(context, dataset);
    const fields = [...context.visible.datasets.values()].flatMap((known) => known.fields.map(({ name }) => `${known.name}.${name}`));
    const filter = { fields, dataset, status };
    const { nodes, hasNextPage } = await context.services.tagProposals.list({ ...filter, first: pageSize(first), after });
    const totalCount = () => context.services.tagProposals.count(filter);
    return pageOf(nodes, { hasNextPage, after, cursor: timeCursor, node: toTagProposal, totalCount });
  }

  @Mutation(() => TagProposal, {
    description:
      "Gives the field the tag, by the dataset's Classification, at once. An unclassified field counts as classified from then on. Where the change waits for a second person, the proposal stays OPEN.",
  })
  async acceptTagProposal(
    @Ctx() context: RequestContext,
    @Arg('id', () => ID) id: string,
    @Arg('reason', () => String, { nullable: true, description: 'Needed where changes of a Classification need one.' }) reason?: string,
  ): Promise<TagProposal> {
    return toTagProposal(await context.services.tagProposals.accept(id, reason, context.principal, seenBy(context)));
  }

  @Mutation(() => TagProposal, { description: 'It is not proposed again for this field.' })
  async refuseTagProposal(
    @Ctx() context: RequestContext,
    @Arg('id', () => ID) id: string,
    @Arg('reason', () => String, { nullable: true }) reason?: string,
  ): Promise<TagProposal> {
    return toTagProposal(await context.services.tagProposals.refuse(id, reason, context.principal, seenBy(context)));
  }

  @FieldResolver(() => Dataset, { nullable: true })
  dataset(@Root() { datasetName }: TagProposal, @Ctx() { visible }: RequestContext): Dataset | null {
    const dataset = visible.datasets.get(datasetName);
    return dataset ? toDataset(dataset) : null;
  }
}

function seenBy({ visible }: RequestContext): Sees {
  return (dataset, field) => visible.datasets.get(dataset)?.fields.some(({ name }) => name === field) ?? false;
}
