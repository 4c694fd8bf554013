import type { Actor, AuditLog } from '../audit/index.js';
import { absentDocument, ClassificationEntity, UNCLASSIFIED, type ClassificationSpec, type ManifestDocument } from '../catalog/index.js';
import type { ManifestChanges } from '../governance/index.js';
import type { Principal } from '../identity/index.js';
import { HeadgateError, isUuid } from '../kernel/index.js';
import { timePage, type Database, type TimePage, type Transaction } from '../store/index.js';
import { TagProposalEntity, type ProposalStatus } from './tag-proposal.entity.js';

/** Whether a principal may know of a field; of another there is no proposal for them. */
export type Sees = (dataset: string, field: string) => boolean;

export interface ProposalFilter {
  /** `dataset.field` of all that the reader may know of. */
  readonly fields: readonly string[];
  readonly dataset?: string | undefined;
  readonly status?: ProposalStatus | undefined;
  /** How many at the most. */
  readonly first: number;
  /** The cursor of the proposal after which to go on. */
  readonly after?: string | undefined;
}

export interface TagProposalsOptions {
  readonly database: Database;
  readonly audit: Pick<AuditLog, 'recordIn'>;
  /** All changes of the catalog go through it: this one may need a reason, or wait for a second person. */
  readonly changes: Pick<ManifestChanges, 'apply'>;
}

/** Proposed tags: listed, and decided by stewards. To decide shows no value, and gives no right to see one. */
export class TagProposals {
  readonly #options: TagProposalsOptions;

  constructor(options: TagProposalsOptions) {
    this.#options = options;
  }

  /** Newest first. @throws HeadgateError BAD_USER_INPUT for a page size or a cursor that is none. */
  async list({ first, after, ...filter }: ProposalFilter): Promise<TimePage<TagProposalEntity>> {
    return timePage(this.#matching(filter), { first, after });
  }

  async count(filter: Omit<ProposalFilter, 'first' | 'after'>): Promise<number> {
    return this.#matching(filter).getCount();
  }

  /**
   * The field has the tag from now on, by the dataset's Classification; if it was unclassified, it is not any more. Where that waits for a second
   * person, the proposal stays open.
   * @throws HeadgateError NOT_FOUND for none that the steward may know of; CONFLICT for one that was decided.
   */
  async accept(id: string, reason: string | undefined, actor: Principal, sees: Sees): Promise<TagProposalEntity> {
    const prepare = async (tx: Transaction) => {
      const proposal = await this.#decide(tx, id, 'ACCEPTED', actor, sees, reason);
      return [documentOf(await withTag(tx, proposal))];
    };
    await this.#options.changes.apply([], actor, { dryRun: false, reason, prepare });
    return this.#get(this.#options.database, id);
  }

  /** It is not proposed again for this field. @throws HeadgateError as `accept` */
  async refuse(id: string, reason: string | undefined, actor: Principal, sees: Sees): Promise<TagProposalEntity> {
    if (reason !== undefined && reason.length > 1_000)
      throw new HeadgateError('BAD_USER_INPUT', `reason: expected at most 1000 characters, got ${reason.length}.`, { path: 'reason' });
    await this.#options.database.transaction((tx) => this.#decide(tx, id, 'REFUSED', actor, sees, reason));
    return this.#get(this.#options.database, id);
  }

  #matching({ fields, dataset, status }: Omit<ProposalFilter, 'first' | 'after'>) {
    const query = this.#options.database.manager
      .createQueryBuilder(TagProposalEntity, 'proposal')
      .where("(proposal.dataset || '.' || proposal.field) = ANY(:fields)", { fields: [...fields] });
    if (dataset !== undefined) query.andWhere('proposal.dataset = :dataset', { dataset });
    if (status !== undefined) query.andWhere('proposal.status = :status', { status });
    return query;
  }

  async #decide(tx: Transaction, id: string, status: ProposalStatus, actor: Actor, sees: Sees, reason?: string): Promise<TagProposalEntity> {
    const [locked] = isUuid(id) ? await tx.query('SELECT 1 FROM headgate.tag_proposal WHERE id = $1 FOR UPDATE', [id]) : [];
    const proposal = locked ? await this.#get(tx, id) : undefined;
    if (!proposal || !sees(proposal.dataset, proposal.field)) throw new HeadgateError('NOT_FOUND', `There is no proposal "${id.slice(0, 64)}".`);
    if (proposal.status !== 'OPEN') {
      throw new HeadgateError('CONFLICT', `The proposal was ${proposal.status.toLowerCase()} before. Change the dataset's Classification instead.`, {
        status: proposal.status,
      });
    }
    await tx.manager.update(TagProposalEntity, { id }, { status, decidedBy: actor.subject, decidedAt: new Date(), reason: reason ?? null });
    const { dataset, field, tag } = proposal;
    const action = status === 'ACCEPTED' ? 'tag.accept' : 'tag.refuse';
    const details = { proposal: id, field, tag, ...(reason !== undefined && { reason }) };
    await this.#options.audit.recordIn(tx, { actor, action, dataset, decision: 'ALLOWED', details });
    return proposal;
  }

  async #get({ manager }: Pick<Transaction, 'manager'>, id: string): Promise<TagProposalEntity> {
    return manager.findOneByOrFail(TagProposalEntity, { id });
  }
}

/** What is said of the dataset's fields, and the tag besides. */
async function withTag(tx: Transaction, { dataset, field, tag }: TagProposalEntity): Promise<ClassificationSpec> {
  const fields = (await tx.manager.findOneBy(ClassificationEntity, { name: dataset }))?.spec.fields ?? {};
  const tags = [...(fields[field]?.tags ?? []).filter((own) => own !== UNCLASSIFIED), tag];
  const all = { ...fields, [field]: { tags: [...new Set(tags)].toSorted() } };
  return { name: dataset, fields: Object.fromEntries(Object.entries(all).toSorted(([a], [b]) => (a < b ? -1 : 1))) };
}

function documentOf(spec: ClassificationSpec): ManifestDocument {
  return { ...absentDocument('Classification', spec.name), spec };
}
