import { Arg, Ctx, Query, Resolver } from 'type-graphql';
import { AccessGrantEntity, explain } from '../../../governance/index.js';
import { ANONYMOUS, type Principal as Asker } from '../../../identity/index.js';
import type { RequestContext } from '../../context.js';
import { visibleDataset } from '../rights.js';
import { AccessDecision, Grant } from '../types/access.type.js';
import { PrincipalInput } from '../types/principal.type.js';

@Resolver()
export class AccessResolver {
  @Query(() => [Grant], { description: 'The grants in force, by name.' })
  async grants(@Ctx() { services, world }: RequestContext, @Arg('dataset', () => String, { nullable: true }) dataset?: string): Promise<Grant[]> {
    const grants = await services.database.manager.find(AccessGrantEntity, { order: { name: 'ASC' } });
    const onDataset = dataset === undefined ? undefined : new Set(world.authorizer.policy.grantsOn.get(dataset)?.map((grant) => grant.name));
    return grants.filter((grant) => onDataset === undefined || onDataset.has(grant.name)).map(toGrant);
  }

  @Query(() => AccessDecision, { description: 'What a principal sees of a dataset, and by which grants: you, or with `as` somebody else.' })
  access(
    @Ctx() context: RequestContext,
    @Arg('dataset', () => String) dataset: string,
    @Arg('as', () => PrincipalInput, { nullable: true }) as?: PrincipalInput,
  ): AccessDecision {
    const asker = as ? toPrincipal(as) : context.principal;
    const visible = visibleDataset(context, dataset);
    const knows = (name: string) => visible.fields.some((field) => field.name === name);
    const { fields, ...explanation } = explain(context.world.authorizer.policy, asker, wholeDataset(context, dataset), knows);
    // A field that the one who asks may not know of stays unknown in the explanation too.
    const known = fields.filter(({ field }) => knows(field));
    return {
      ...explanation,
      fields: known.map((field) => ({ ...field, access: field.access.toUpperCase() as 'PLAIN' | 'MASKED' | 'FORBIDDEN', code: field.code })),
    };
  }
}

function wholeDataset(context: RequestContext, name: string) {
  const { name: known } = visibleDataset(context, name);
  return context.world.catalog.datasets.get(known) ?? visibleDataset(context, name);
}

function toPrincipal({ sub, roles = [], purposes = [], purpose, claims = {}, anonymous = false }: PrincipalInput): Asker {
  if (anonymous) return ANONYMOUS;
  const held = purpose === undefined || purposes.includes(purpose) ? purposes : [...purposes, purpose];
  return { subject: sub ?? 'somebody', roles, purposes: held, ...(purpose !== undefined && { purpose }), claims, anonymous };
}

function toGrant({ spec }: AccessGrantEntity): Grant {
  const { name, description, to, on, purposes, rows, rights, fields, aggregateOnly } = spec;
  return {
    name,
    description,
    roles: to.roles ?? [],
    subjects: to.subjects ?? [],
    anonymous: to.anonymous ?? false,
    datasets: on.datasets ?? [],
    tags: on.tags ?? [],
    purposes,
    rows,
    rights,
    fields,
    aggregateOnly,
  };
}
