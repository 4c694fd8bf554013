import { Arg, Ctx, ID, Mutation, Query, Resolver } from 'type-graphql';
import type { RequestContext } from '../../context.js';
import { KeyRotation, MasterKey } from '../types/key.type.js';

/** The master keys of the installation. */
@Resolver()
export class KeyResolver {
  @Query(() => [MasterKey], { description: 'All that ever were active, oldest first, and behind them those that could be made active.' })
  async masterKeys(@Ctx() { services }: RequestContext): Promise<readonly MasterKey[]> {
    return services.keys.list();
  }

  @Mutation(() => KeyRotation, {
    description: 'Makes a new master key the active one, in every process at once. Hashes, pseudonyms and new tokens are made with it from then on.',
  })
  async rotateKeys(@Ctx() { services, principal }: RequestContext): Promise<KeyRotation> {
    return services.keys.rotate(principal);
  }

  @Mutation(() => MasterKey, {
    description: 'Ends a master key that was replaced, for good: tokens that it signed are refused, and backups with secrets that it wrapped can not be read.',
  })
  async retireMasterKey(@Ctx() { services, principal }: RequestContext, @Arg('id', () => ID) id: string): Promise<MasterKey> {
    return services.keys.retire(id, principal);
  }
}
