import { Arg, Ctx, Mutation, Query, Resolver } from 'type-graphql';
import type { RequestContext } from '../../context.js';
import { ErasureReceipt, LegalHold, SubjectExport, toErasureReceipt, toLegalHold, toSubjectExport } from '../types/subject.type.js';

@Resolver()
export class SubjectResolver {
  @Mutation(() => SubjectExport, {
    description:
      'Gathers all that is known of a person, derived datasets and quarantine too, as an archive to be fetched. What it holds is governed by your own grants with the right export; being a steward shows no cell.',
  })
  async exportSubject(@Ctx() { principal, world, services }: RequestContext, @Arg('subject', () => String) subject: string): Promise<SubjectExport> {
    return toSubjectExport(await services.subjects.export(subject, { principal, authorizer: world.authorizer }));
  }

  @Mutation(() => ErasureReceipt, {
    description:
      'Takes a person out of all datasets, derived ones, quarantine and staging too, in one transaction. It can not be undone; a legal hold refuses it.',
  })
  async eraseSubject(
    @Ctx() { principal, visible, services }: RequestContext,
    @Arg('subject', () => String) subject: string,
    @Arg('reason', () => String, { description: 'It goes on the record, so it must not name the person.' }) reason: string,
  ): Promise<ErasureReceipt> {
    const receipt = await services.subjects.erase(subject, reason, principal);
    return toErasureReceipt(receipt, (dataset) => visible.datasets.has(dataset));
  }

  @Query(() => [LegalHold], { description: 'What must not be erased. Who is named in one is personal data.' })
  async legalHolds(@Ctx() { services, visible }: RequestContext): Promise<LegalHold[]> {
    const holds = await services.subjects.holds();
    return holds.map(({ datasets = [], ...hold }) => toLegalHold({ ...hold, datasets: datasets.filter((name) => visible.datasets.has(name)) }));
  }
}
