import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { GrantSpec } from './grant.js';

@Entity({ name: 'access_grant', schema: 'headgate' })
export class AccessGrantEntity {
  @PrimaryColumn('text') name!: string;
  @Column('jsonb') spec!: GrantSpec;
  @Column('text', { name: 'updated_by' }) updatedBy!: string;
  @Column('timestamptz', { name: 'updated_at', default: () => 'now()' }) updatedAt!: Date;
}
