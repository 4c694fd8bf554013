import type { Processing } from './model.js';
import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Why data may be read; grants and tokens name it. */
@Entity({ name: 'purpose', schema: 'headgate' })
export class PurposeEntity {
  @PrimaryColumn('text') name!: string;
  @Column('text', { nullable: true }) description!: string | null;
  @Column('text', { name: 'lawful_basis', nullable: true }) lawfulBasis!: string | null;
  /** What the record of processing activities says of it beside. */
  @Column('jsonb', { default: {} }) processing!: Processing;
}
