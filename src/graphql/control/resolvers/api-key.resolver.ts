import { Arg, Ctx, ID, Mutation, Query, Resolver } from 'type-graphql';
import { ApiKeys, hasRole, RevokedTokens, type ApiKeyEntity } from '../../../identity/index.js';
import { ChangeRules, checkedReason } from '../../../governance/index.js';
import type { Transaction } from '../../../store/index.js';
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
  async createApiKey(
    @Ctx() { services, principal }: RequestContext,
    @Arg('input', () => ApiKeyInput) input: ApiKeyInput,
    @Arg('reason', () => String, { nullable: true }) reason?: string,
  ): Promise<CreatedApiKey> {
    // Otherwise a steward could make themself an admin.
    const reach = input.roles.filter((role) => (OVERSEERS as readonly string[]).includes(role));
    if (reach.length > 0 && !hasRole(principal, 'admin')) {
      const refusal = refusedTo(principal, `a key with the role ${reach.join(', ')}`, 'admin');
      await services.audit.record({ actor: principal, action: 'key.create', decision: 'DENIED', details: { code: refusal.code } });
      throw refusal;
    }
    const { expiresAt, ...request } = input;
    return services.database.transaction(async (tx) => {
      const why = await reasonFor(tx, 'ApiKey', reason);
      const { key, apiKey } = await new ApiKeys(tx.manager).create({
        ...request,
        createdBy: principal.subject,
        ...(expiresAt && { expiresAt: new Date(expiresAt) }),
      });
      const details = { key: apiKey.id, subject: apiKey.subject, roles: apiKey.roles, ...why };
      await services.audit.recordIn(tx, { actor: principal, action: 'key.create', decision: 'ALLOWED', details });
      return { apiKey: toApiKey(apiKey), secret: key };
    });
  }

  @Mutation(() => ApiKey, { description: 'Ends a key, in every process within two seconds.' })
  async revokeApiKey(
    @Ctx() { services, principal }: RequestContext,
    @Arg('id', () => ID) id: string,
    @Arg('reason', () => String, { nullable: true }) reason?: string,
  ): Promise<ApiKey> {
    return services.database.transaction(async (tx) => {
      const why = await reasonFor(tx, 'ApiKey', reason);
      const apiKey = await new ApiKeys(tx.manager).revoke(id);
      await services.audit.recordIn(tx, { actor: principal, action: 'key.revoke', decision: 'ALLOWED', details: { key: id, ...why } });
      return toApiKey(apiKey);
    });
  }

  @Mutation(() => Boolean, { description: 'Ends a token by its claim jti, in every process within two seconds.' })
  async revokeToken(
    @Ctx() { services, principal }: RequestContext,
    @Arg('id', () => ID) id: string,
    @Arg('reason', () => String, { nullable: true }) reason?: string,
  ): Promise<boolean> {
    return services.database.transaction(async (tx) => {
      const why = await reasonFor(tx, 'Token', reason);
      await new RevokedTokens(tx.manager).revoke({ id, revokedBy: principal.subject });
      await services.audit.recordIn(tx, { actor: principal, action: 'token.revoke', decision: 'ALLOWED', details: { token: id, ...why } });
      return true;
    });
  }
}

/** What goes on the record. @throws HeadgateError BAD_USER_INPUT where a reason is needed, and none is given. */
async function reasonFor(tx: Transaction, kind: 'ApiKey' | 'Token', given: string | undefined): Promise<{ readonly reason?: string }> {
  const reason = checkedReason(given);
  (await ChangeRules.load(tx)).checkReason(kind, reason);
  return reason === undefined ? {} : { reason };
}

function toApiKey({ id, name, subject, roles, purposes, expiresAt, revokedAt }: ApiKeyEntity): ApiKey {
  return { id, name, subject, roles, purposes, expiresAt, revokedAt };
}
