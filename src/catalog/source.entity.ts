import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { SourceSpec } from './source-spec.js';

/** A source of rows, as its document declares it: secrets are names of variables, never values. */
@Entity({ name: 'source', schema: 'headgate' })
export class SourceEntity {
  @PrimaryColumn('text') name!: string;
  @Column('jsonb') spec!: SourceSpec;
  @Column('text', { name: 'updated_by' }) updatedBy!: string;
  @Column('timestamptz', { name: 'updated_at' }) updatedAt!: Date;
}
