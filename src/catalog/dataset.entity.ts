import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { DatasetSpec } from './dataset-spec.js';

export type LifecycleStage = 'INGESTION' | 'VALIDATION' | 'PROCESSING' | 'STORAGE' | 'ACCESS' | 'ARCHIVAL';

/** A dataset and what is known of its rows. Counts are decimal strings (bigint). */
@Entity({ name: 'dataset', schema: 'headgate' })
export class DatasetEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('text') name!: string;
  @Column('text', { name: 'type_name' }) typeName!: string;
  /** The version in force, among its contracts. */
  @Column('integer', { name: 'contract_version' }) contractVersion!: number;
  /** The pipeline that makes it, for a derived dataset. */
  @Column('text', { name: 'produced_by', nullable: true }) producedBy!: string | null;
  @Column('text', { default: 'INGESTION' }) stage!: LifecycleStage;
  /** Raised by each load that changes rows. */
  @Column('bigint', { name: 'data_version', default: '0' }) dataVersion!: string;
  @Column('bigint', { name: 'row_count', default: '0' }) rowCount!: string;
  @Column('timestamptz', { name: 'loaded_at', nullable: true }) loadedAt!: Date | null;
  @Column('timestamptz', { name: 'created_at', default: () => 'now()' }) createdAt!: Date;
  @Column('timestamptz', { name: 'updated_at', default: () => 'now()' }) updatedAt!: Date;
}

/** Each contract a dataset has had; rows are added, never changed. */
@Entity({ name: 'dataset_contract', schema: 'headgate' })
export class DatasetContractEntity {
  @PrimaryColumn('uuid', { name: 'dataset_id' }) datasetId!: string;
  @PrimaryColumn('integer') version!: number;
  @Column('jsonb') contract!: DatasetSpec;
  @Column('text', { name: 'created_by' }) createdBy!: string;
  @Column('timestamptz', { name: 'created_at', default: () => 'now()' }) createdAt!: Date;
}
