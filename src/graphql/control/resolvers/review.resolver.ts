import { Arg, Ctx, Query, Resolver } from 'type-graphql';
import { sightsSince, usesSince } from '../../../audit/index.js';
import { parseManifests, Tag } from '../../../catalog/index.js';
import { AccessGrantEntity, exposuresOf, grantUses, processingActivities, taggedFields } from '../../../governance/index.js';
import { HeadgateError } from '../../../kernel/index.js';
import type { RequestContext } from '../../context.js';
import { DateTimeScalar } from '../../scalars.js';
import { knowsOf } from '../rights.js';
import { checkKeeper } from './manifest.resolver.js';
import { AccessChange, Exposure, GrantUse, ProcessingActivity, Sight } from '../types/review.type.js';

const DAY_MS = 86_400_000;
/** How far back the record is looked through when nobody says. */
const REVIEWED_DAYS = 90;

/** What the grants allow, what a change of them would, and what was made of them. */
@Resolver()
export class ReviewResolver {
  @Query(() => [AccessChange], { description: 'Who would gain or lose which field by manifests, before they are applied. Nothing is changed.' })
  async accessDiff(@Ctx() context: RequestContext, @Arg('manifest', () => String) manifest: string): Promise<readonly AccessChange[]> {
    const { principal, services } = context;
    const documents = parseManifests([{ file: 'manifest', text: manifest }], services.kinds);
    await checkKeeper(context, documents);
    return services.manifests.accessDiff(documents, principal, { knows: knowsOf(context) });
  }

  @Query(() => [Exposure], { description: 'Who could see fields with a tag, or one under it: as they are, or with unmasked: false through a mask too.' })
  whoCanSee(
    @Ctx() context: RequestContext,
    @Arg('tag', () => String) tag: string,
    @Arg('unmasked', () => Boolean, { nullable: true }) unmasked?: boolean,
  ): readonly Exposure[] {
    return exposuresOf(context.world.authorizer.policy, checkedTag(tag), { unmasked: unmasked ?? true, knows: knowsOf(context) });
  }

  @Query(() => [Sight], { description: 'Who was given fields with a tag, or one under it, as they are: by the record of the last 90 days, or since a moment.' })
  async whoSaw(
    @Ctx() context: RequestContext,
    @Arg('tag', () => String) tag: string,
    @Arg('since', () => DateTimeScalar, { nullable: true }) since?: string,
  ): Promise<readonly Sight[]> {
    const fields = taggedFields(context.world.authorizer.policy, checkedTag(tag), knowsOf(context));
    return fields.length === 0 ? [] : sightsSince(context.services.database, startOf(since), fields);
  }

  @Query(() => [GrantUse], {
    description: 'How often each grant in force was of use in the last 90 days, or since a moment; with unused, those that were of none.',
  })
  async grantUses(
    @Ctx() { services, world }: RequestContext,
    @Arg('since', () => DateTimeScalar, { nullable: true }) since?: string,
    @Arg('unused', () => Boolean, { nullable: true }) unused?: boolean,
  ): Promise<readonly GrantUse[]> {
    const used = grantUses(world.authorizer.policy, await usesSince(services.database, startOf(since)));
    const known = new Set(used.map(({ grant }) => grant));
    // One that reaches no dataset is of no use either.
    const others = (await services.database.manager.find(AccessGrantEntity, { select: { name: true } })).filter(({ name }) => !known.has(name));
    const all = [...used, ...others.map(({ name }): GrantUse => ({ grant: name, acts: 0, lastUsedAt: undefined }))];
    return all.filter(({ acts }) => unused !== true || acts === 0).toSorted((a, b) => (a.grant < b.grant ? -1 : 1));
  }

  @Query(() => [ProcessingActivity], { description: 'The record of processing activities: from the purposes, the catalog and the grants in force.' })
  processingActivities(@Ctx() context: RequestContext): readonly ProcessingActivity[] {
    const knows = knowsOf(context);
    return processingActivities(context.world.authorizer.policy, knows);
  }
}

function startOf(since: string | undefined): Date {
  return since === undefined ? new Date(Date.now() - REVIEWED_DAYS * DAY_MS) : new Date(since);
}

function checkedTag(tag: string): string {
  const name = tag.replace(/^tag:/, '');
  if (!Tag.safeParse(name).success)
    throw new HeadgateError('BAD_USER_INPUT', `tag: expected a tag such as pii or pii.email, got "${tag.slice(0, 100)}".`, { path: 'tag' });
  return name;
}
