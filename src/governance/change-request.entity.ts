import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { ManifestChange } from '../catalog/index.js';
import type { AccessChange } from './access-diff.js';

export type ChangeStatus = 'PENDING' | 'APPROVED' | 'REFUSED' | 'WITHDRAWN';

/** Who asked for it, as far as it matters for who may approve. */
export interface Requester {
  readonly subject: string;
  readonly roles: readonly string[];
  /** All names under which the same person could act: see `namesOfPerson`. */
  readonly person: readonly string[];
}

/** An apply that waits for a second person, or did. */
@Entity({ name: 'change_request', schema: 'headgate' })
export class ChangeRequestEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('text') status!: ChangeStatus;
  @Column('jsonb') manifests!: readonly { readonly kind: string; readonly name: string; readonly text: string }[];
  @Column('boolean') prune!: boolean;
  @Column('text', { nullable: true }) reason!: string | null;
  @Column('jsonb', { name: 'access_changes' }) accessChanges!: readonly AccessChange[];
  @Column('jsonb') changes!: readonly ManifestChange[];
  /** Of what was in force of the documents that it names. */
  @Column('text') base!: string;
  @Column('text', { name: 'requested_by' }) requestedBy!: string;
  @Column('jsonb') requester!: Requester;
  @Column('timestamptz', { name: 'requested_at' }) requestedAt!: Date;
  @Column('text', { name: 'decided_by', nullable: true }) decidedBy!: string | null;
  @Column('timestamptz', { name: 'decided_at', nullable: true }) decidedAt!: Date | null;
  @Column('text', { name: 'decision_reason', nullable: true }) decisionReason!: string | null;
}
