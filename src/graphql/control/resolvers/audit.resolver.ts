import { Arg, Ctx, Int, Query, Resolver } from 'type-graphql';
import { auditCursor, countAuditEntries, listAuditEntries, type AuditFilter } from '../../../audit/index.js';
import type { RequestContext } from '../../context.js';
import { AuditEntryConnection, AuditVerification, AuditWhere, toAuditEntry, toAuditVerification, type AuditEntry } from '../types/audit.type.js';
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
    const filter = toFilter(where ?? {});
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
}

function toFilter({ from, to, ...where }: AuditWhere): AuditFilter {
  const given = Object.fromEntries(Object.entries(where).filter(([, value]) => value !== undefined && value !== null));
  return { ...given, ...(from && { from: new Date(from) }), ...(to && { to: new Date(to) }) };
}
