import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A signature over the head of the chain at one moment, and over the checkpoint before it. */
@Entity({ name: 'audit_checkpoint', schema: 'headgate' })
export class AuditCheckpointEntity {
  @PrimaryColumn('bigint') seq!: string;
  @Column('text') hash!: string;
  @Column('timestamptz') at!: Date;
  /** The signature of the checkpoint before; null for the first. */
  @Column('text', { nullable: true }) previous!: string | null;
  @Column('text') signature!: string;
  @Column('text', { name: 'key_id' }) keyId!: string;
}
