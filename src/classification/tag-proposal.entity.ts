import { Column, Entity, PrimaryColumn } from 'typeorm';

export const PROPOSAL_STATUSES = ['OPEN', 'ACCEPTED', 'REFUSED'] as const;
export type ProposalStatus = (typeof PROPOSAL_STATUSES)[number];

/** A tag that a detector proposes for a field: counts and scores, never a value of data. One for each field and tag, once and for all. */
@Entity({ name: 'tag_proposal', schema: 'headgate' })
export class TagProposalEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('uuid', { name: 'dataset_id' }) datasetId!: string;
  @Column('text') dataset!: string;
  @Column('text') field!: string;
  @Column('text') tag!: string;
  @Column('text') detector!: string;
  @Column('text') status!: ProposalStatus;
  /** From 0 to 1. */
  @Column('real') score!: number;
  /** Of the distinct values that were looked at, those of the kind. */
  @Column('real') share!: number;
  @Column('integer') sampled!: number;
  @Column('integer') matching!: number;
  /** The column's name speaks for it. */
  @Column('boolean', { name: 'by_name' }) byName!: boolean;
  /** The load after which it was made. */
  @Column('uuid', { name: 'run_id', nullable: true }) runId!: string | null;
  @Column('timestamptz', { name: 'created_at' }) createdAt!: Date;
  @Column('text', { name: 'decided_by', nullable: true }) decidedBy!: string | null;
  @Column('timestamptz', { name: 'decided_at', nullable: true }) decidedAt!: Date | null;
  @Column('text', { nullable: true }) reason!: string | null;
}
