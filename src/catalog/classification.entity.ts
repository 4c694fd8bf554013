import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { ClassificationSpec } from './classification.js';

/** What stewards say of a dataset's fields; under its name, beside its contract. */
@Entity({ name: 'classification', schema: 'headgate' })
export class ClassificationEntity {
  @PrimaryColumn('text') name!: string;
  @Column('jsonb') spec!: ClassificationSpec;
  @Column('text', { name: 'updated_by' }) updatedBy!: string;
  @Column('timestamptz', { name: 'updated_at' }) updatedAt!: Date;
}
