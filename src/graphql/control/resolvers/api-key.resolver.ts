import { Arg, Ctx, ID, Mutation, Query, Resolver } from 'type-graphql';
import { ApiKeys, hasRole, RevokedTokens, type ApiKeyEntity } from '../../../identity/index.js';
import type { RequestContext } from '../../context.js';
import { OVERSEERS, refusedTo } from '../rights.js';
import { ApiKey, ApiKeyInput, CreatedApiKey } from '../types/api-key.type.js';

/** Credentials of programs. What is changed and its entry on the record are one transaction. */
@Resolver()
export class ApiKeyResolver {
  @Query(() => [ApiKey], { description: 'All keys, newest first, without their secrets.' })
  async apiKeys(@Ctx() { services }: RequestContext): Promise<ApiKey[]> {
    return (await new ApiKeys(services.database.manager).list()).map(toApiKey);
  }

  @Mutation(() => CreatedApiKey)
  async createApiKey(@Ctx() { services, principal }: RequestContext, @Arg('input', () => ApiKeyInput) input: ApiKeyInput): Promise<CreatedApiKey> {
    // Otherwise a steward could make themself an admin.
    const reach = input.roles.filter((role) => (OVERSEERS as readonly string[]).includes(role));
    if (reach.length > 0 && !hasRole(principal, 'admin')) {
      const refusal = refusedTo(principal, `a key with the role ${reach.join(', ')}`, 'admin');
      await services.audit.record({ actor: principal, action: 'key.create', decision: 'DENIED', details: { code: refusal.code } });
      throw refusal;
    }
    const { expiresAt, ...request } = input;
    return services.database.transaction(async (tx) => {
      const { key, apiKey } = await new ApiKeys(tx.manager).create({
        ...request,
        createdBy: principal.subject,
        ...(expiresAt && { expiresAt: new Date(expiresAt) }),
      });
      const details = { key: apiKey.id, subject: apiKey.subject, roles: apiKey.roles };
      await services.audit.recordIn(tx, { actor: principal, action: 'key.create', decision: 'ALLOWED', details });
      return { apiKey: toApiKey(apiKey), secret: key };
    });
  }

  @Mutation(() => ApiKey, { description: 'Ends a key, in every process within two seconds.' })
  async revokeApiKey(@Ctx() { services, principal }: RequestContext, @Arg('id', () => ID) id: string): Promise<ApiKey> {
    return services.database.transaction(async (tx) => {
      const apiKey = await new ApiKeys(tx.manager).revoke(id);
      await services.audit.recordIn(tx, { actor: principal, action: 'key.revoke', decision: 'ALLOWED', details: { key: id } });
      return toApiKey(apiKey);
    });
  }

  @Mutation(() => Boolean, { description: 'Ends a token by its claim jti, in every process within two seconds.' })
  async revokeToken(@Ctx() { services, principal }: RequestContext, @Arg('id', () => ID) id: string): Promise<boolean> {
    return services.database.transaction(async (tx) => {
      await new RevokedTokens(tx.manager).revoke({ id, revokedBy: principal.subject });
      await services.audit.recordIn(tx, { actor: principal, action: 'token.revoke', decision: 'ALLOWED', details: { token: id } });
      return true;
    });
  }
}

function toApiKey({ id, name, subject, roles, purposes, expiresAt, revokedAt }: ApiKeyEntity): ApiKey {
  return { id, name, subject, roles, purposes, expiresAt, revokedAt };
}
