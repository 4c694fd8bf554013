import { Ctx, Query, Resolver } from 'type-graphql';
import type { RequestContext } from '../../context.js';
import { Principal } from '../types/principal.type.js';

@Resolver()
export class MeResolver {
  @Query(() => Principal, { description: 'Who you are, as your credential says.' })
  me(@Ctx() { principal }: RequestContext): Principal {
    const { subject: sub, roles, purposes, purpose, claims, anonymous } = principal;
    return { sub, roles, purposes, purpose, claims, anonymous };
  }
}
