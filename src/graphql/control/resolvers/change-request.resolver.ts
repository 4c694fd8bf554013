import { Arg, Ctx, ID, Mutation, Query, Resolver } from 'type-graphql';
import type { ChangeRequestEntity, ChangeStatus } from '../../../governance/index.js';
import { hasRole } from '../../../identity/index.js';
import { HeadgateError } from '../../../kernel/index.js';
import type { RequestContext } from '../../context.js';
import { knowsOf, requestFor } from '../rights.js';
import { ChangeStatusEnum } from '../types/enums.js';
import { ChangeRequest } from '../types/review.type.js';

/** Changes that wait for a second person: see `ChangePolicy`. */
@Resolver()
export class ChangeRequestResolver {
  @Query(() => [ChangeRequest], { description: 'Changes that wait for a second person, and those that were decided, newest first.' })
  async changeRequests(
    @Ctx() context: RequestContext,
    @Arg('status', () => ChangeStatusEnum, { nullable: true }) status?: ChangeStatus,
  ): Promise<ChangeRequest[]> {
    return (await context.services.manifests.requests.list(status))
      .filter((request) => isShownTo(context, request))
      .map((request) => requestFor(request, knowsOf(context)));
  }

  @Mutation(() => ChangeRequest, {
    description: 'Applies what somebody else asked for. It is refused to who asked, and when it would change something else by now.',
  })
  async approveChange(
    @Ctx() context: RequestContext,
    @Arg('id', () => ID) id: string,
    @Arg('reason', () => String, { nullable: true }) reason?: string,
  ): Promise<ChangeRequest> {
    await shown(context, id);
    return requestFor(await context.services.manifests.approve(id, context.principal, reason), knowsOf(context));
  }

  @Mutation(() => ChangeRequest, { description: 'Refuses what somebody asked for; by who asked for it, it is withdrawn.' })
  async refuseChange(
    @Ctx() context: RequestContext,
    @Arg('id', () => ID) id: string,
    @Arg('reason', () => String, { nullable: true }) reason?: string,
  ): Promise<ChangeRequest> {
    await shown(context, id);
    return requestFor(await context.services.manifests.requests.refuse(id, context.principal, reason), knowsOf(context));
  }
}

/** One that names what a steward may not know of is for admins, and for who asked. */
function isShownTo(context: RequestContext, { requestedBy, accessChanges, manifests }: ChangeRequestEntity): boolean {
  const { principal } = context;
  if (hasRole(principal, 'admin') || principal.subject === requestedBy) return true;
  const knows = knowsOf(context);
  return (
    accessChanges.every(({ dataset, field }) => knows(dataset) && knows(dataset, field)) &&
    manifests.every(({ kind, name }) => kind !== 'Dataset' || knows(name))
  );
}

async function shown(context: RequestContext, id: string): Promise<void> {
  const request = await context.services.manifests.requests.find(id);
  if (!isShownTo(context, request)) throw new HeadgateError('NOT_FOUND', `There is no change request with the id "${id}".`, { id });
}
