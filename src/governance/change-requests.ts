import type { AuditLog } from '../audit/index.js';
import { namesOfPerson, type Principal } from '../identity/index.js';
import { HeadgateError, isUuid, newId } from '../kernel/index.js';
import type { Database, Transaction } from '../store/index.js';
import { checkedReason } from './change-policy.js';
import { ChangeRequestEntity, type ChangeStatus } from './change-request.entity.js';

export interface ChangeRequestsOptions {
  readonly database: Database;
  readonly audit: Pick<AuditLog, 'recordIn'>;
}

/** More of them wait than anybody will look at. */
const MOST_PENDING = 1_000;

/** Applies that wait for a second person. Each step of a request is on the record, with the step's own transaction. */
export class ChangeRequests {
  readonly #database: Database;
  readonly #audit: Pick<AuditLog, 'recordIn'>;

  constructor({ database, audit }: ChangeRequestsOptions) {
    this.#database = database;
    this.#audit = audit;
  }

  /** @throws HeadgateError CONFLICT when too many wait. */
  async keep(
    asked: Pick<ChangeRequestEntity, 'manifests' | 'prune' | 'accessChanges' | 'changes' | 'base'> & { readonly reason: string | undefined },
    { subject, roles, credential }: Principal,
  ): Promise<ChangeRequestEntity> {
    return this.#database.transaction(async (tx) => {
      const [row] = await tx.query<{ pending: number }>("SELECT count(*)::int AS pending FROM headgate.change_request WHERE status = 'PENDING'");
      if ((row?.pending ?? 0) >= MOST_PENDING)
        throw new HeadgateError('CONFLICT', `${MOST_PENDING} changes wait for a second person already. Let some be decided first.`, { expected: MOST_PENDING });
      const person = await namesOfPerson(tx, { subject, ...(credential !== undefined && { credential }) });
      const request = tx.manager.create(ChangeRequestEntity, {
        id: newId(),
        status: 'PENDING',
        ...asked,
        reason: asked.reason ?? null,
        requestedBy: subject,
        requester: { subject, roles, person },
        requestedAt: new Date(),
        decidedBy: null,
        decidedAt: null,
        decisionReason: null,
      });
      await tx.manager.save(ChangeRequestEntity, request, { transaction: false });
      const documents = asked.manifests.map(({ kind, name }) => ({ kind, name }));
      const details = { changeRequest: request.id, documents, ...(asked.reason !== undefined && { reason: asked.reason }) };
      await this.#audit.recordIn(tx, { actor: { subject, roles }, action: 'change.request', decision: 'ALLOWED', details });
      return request;
    });
  }

  /** Newest first. */
  async list(status?: ChangeStatus): Promise<ChangeRequestEntity[]> {
    return this.#database.manager.find(ChangeRequestEntity, {
      ...(status && { where: { status } }),
      order: { requestedAt: 'DESC', id: 'DESC' },
      take: MOST_PENDING,
    });
  }

  /** @throws HeadgateError NOT_FOUND */
  async find(id: string): Promise<ChangeRequestEntity> {
    const found = isUuid(id) ? await this.#database.manager.findOneBy(ChangeRequestEntity, { id }) : null;
    if (!found) throw new HeadgateError('NOT_FOUND', `There is no change request with the id "${id.slice(0, 100)}".`, { id: id.slice(0, 100) });
    return found;
  }

  /** @throws HeadgateError NOT_FOUND; CONFLICT when it was decided. */
  async pending(id: string): Promise<ChangeRequestEntity> {
    const found = await this.find(id);
    if (found.status !== 'PENDING') throw decided(found);
    return found;
  }

  /** @throws HeadgateError FORBIDDEN when the approver is, or may be, the person who asked; the refusal is on the record. */
  async checkIsAnother(request: ChangeRequestEntity, approver: Principal): Promise<void> {
    await this.#database
      .transaction(async (tx) => {
        const person = await namesOfPerson(tx, approver);
        if (!person.some((name) => request.requester.person.includes(name))) return undefined;
        const { subject, roles } = approver;
        const details = { code: 'FORBIDDEN', changeRequest: request.id };
        await this.#audit.recordIn(tx, { actor: { subject, roles }, action: 'change.approve', decision: 'DENIED', details });
        return new HeadgateError('FORBIDDEN', "Who asked for a change can't approve it, nor can an API key that they made. Another admin or steward can.", {
          changeRequest: request.id,
        });
      })
      .then((refusal) => {
        if (refusal) throw refusal;
      });
  }

  /** By somebody else it is refused, by who asked for it withdrawn. @throws HeadgateError as `pending`. */
  async refuse(id: string, principal: Principal, comment?: string): Promise<ChangeRequestEntity> {
    const request = await this.pending(id);
    await this.#database.transaction(async (tx) => {
      const status = principal.subject === request.requestedBy ? 'WITHDRAWN' : 'REFUSED';
      await this.decide(tx, request, status, principal, comment);
    });
    return this.find(id);
  }

  /** Only one decides. @throws HeadgateError CONFLICT for all others. */
  async decide(
    tx: Transaction,
    { id }: ChangeRequestEntity,
    status: Exclude<ChangeStatus, 'PENDING'>,
    { subject, roles }: Principal,
    comment?: string,
  ): Promise<void> {
    const reason = checkedReason(comment);
    const { affected } = await tx.manager.update(
      ChangeRequestEntity,
      { id, status: 'PENDING' },
      { status, decidedBy: subject, decidedAt: new Date(), decisionReason: reason ?? null },
    );
    if (affected !== 1) throw decided(await tx.manager.findOneByOrFail(ChangeRequestEntity, { id }));
    const action = { APPROVED: 'change.approve', REFUSED: 'change.refuse', WITHDRAWN: 'change.withdraw' }[status];
    const details = { changeRequest: id, ...(reason !== undefined && { reason }) };
    await this.#audit.recordIn(tx, { actor: { subject, roles }, action, decision: 'ALLOWED', details });
  }
}

function decided({ id, status }: ChangeRequestEntity): HeadgateError {
  return new HeadgateError('CONFLICT', `This change was decided already: it is ${status}.`, { changeRequest: id, status });
}
