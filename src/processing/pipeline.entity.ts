import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { PipelineSpec } from './pipeline-spec.js';

/** A pipeline as its document declares it, with what is known of it since it was compiled. */
@Entity({ name: 'pipeline', schema: 'headgate' })
export class PipelineEntity {
  @PrimaryColumn('text') name!: string;
  @Column('jsonb') spec!: PipelineSpec;
  /** The datasets that it reads, sorted. */
  @Column('text', { array: true }) inputs!: string[];
  /** The dataset that it makes. */
  @Column('text') output!: string;
  @Column('text', { name: 'updated_by' }) updatedBy!: string;
  @Column('timestamptz', { name: 'updated_at' }) updatedAt!: Date;
}
