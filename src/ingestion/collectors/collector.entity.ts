import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { CollectorSpec } from './collector-shape.js';

/** A collector as its document declares it. */
@Entity({ name: 'collector', schema: 'headgate' })
export class CollectorEntity {
  @PrimaryColumn('text') name!: string;
  @Column('jsonb') spec!: CollectorSpec;
  @Column('text', { name: 'updated_by' }) updatedBy!: string;
  @Column('timestamptz', { name: 'updated_at' }) updatedAt!: Date;
}
