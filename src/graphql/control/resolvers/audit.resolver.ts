import { Arg, Ctx, Int, Query, Resolver, Root, Subscription } from 'type-graphql';
import { auditCursor, countAuditEntries, listAuditEntries, type AuditEntryEntity, type AuditFilter } from '../../../audit/index.js';
import { HeadgateError } from '../../../kernel/index.js';
import type { RequestContext } from '../../context.js';
import { AuditEntryConnection, AuditVerification, AuditWhere, toAuditEntry, toAuditVerification, AuditEntry } from '../types/audit.type.js';
import { pageOf, type Page } from '../types/page.js';
import { pageSize } from './dataset.resolver.js';

@Resolver()
export class AuditResolver {
  @Query(() => AuditEntryConnection, { description: 'What was done and refused, newest first.' })
  async auditEntries(
    @Ctx() { services }: RequestContext,
    @Arg('first', () => Int, { nullable: true }) first?: number,
    @Arg('after', () => String, { nullable: true }) after?: string,
    @Arg('where', () => AuditWhere, { nullable: true }) where?: AuditWhere,
  ): Promise<Page<AuditEntry>> {
    const filter = toFilter(where ?? {}, services.subjectReference);
    const { dataSource } = services.database;
    const { entries, hasNextPage } = await listAuditEntries(dataSource, { first: pageSize(first), ...(after !== undefined && { after }), where: filter });
    return pageOf(entries, { hasNextPage, after, cursor: auditCursor, node: toAuditEntry, totalCount: () => countAuditEntries(dataSource, filter) });
  }

  @Query(() => AuditVerification, { description: 'Computes the chain again from its first entry and holds it against the signed checkpoints.' })
  async auditVerification(@Ctx() { services, principal }: RequestContext): Promise<AuditVerification> {
    const verification = await services.verifyAudit();
    await services.audit.record({
      actor: principal,
      action: 'audit.verify',
      decision: 'ALLOWED',
      details: { valid: verification.valid, entries: verification.entries },
    });
    return toAuditVerification(verification);
  }

  @Subscription(() => AuditEntry, {
    description: 'Each entry as it gets its place in the chain, in that order.',
    subscribe: () => {
      throw new HeadgateError('BAD_USER_INPUT', 'Subscriptions come over a WebSocket at this path, with the protocol graphql-transport-ws.');
    },
  })
  auditAppended(@Root() entry: AuditEntryEntity): AuditEntry {
    return toAuditEntry(entry);
  }
}

function toFilter({ from, to, subject, ...where }: AuditWhere, referenceOf: (subject: string) => string): AuditFilter {
  const given = Object.fromEntries(Object.entries(where).filter(([, value]) => value !== undefined && value !== null));
  const about = typeof subject === 'string' && { subject: referenceOf(subject) };
  return { ...given, ...about, ...(from && { from: new Date(from) }), ...(to && { to: new Date(to) }) };
}
