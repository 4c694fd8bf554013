import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Severity } from '../catalog/index.js';
import type { Dimension } from './row-rules.js';

/** What one look at a dataset found: scores from 0 to 1, null for a dimension without checks. Counts are decimal strings (bigint). */
@Entity({ name: 'quality_report', schema: 'headgate' })
export class QualityReportEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('text') dataset!: string;
  @Column('integer', { name: 'contract_version' }) contractVersion!: number;
  @Column('bigint', { name: 'data_version' }) dataVersion!: string;
  /** The load or pipeline run after which it was made. */
  @Column('uuid', { name: 'run_id', nullable: true }) runId!: string | null;
  @Column('bigint', { name: 'row_count' }) rowCount!: string;
  @Column('double precision', { nullable: true }) score!: number | null;
  @Column('double precision', { nullable: true }) accuracy!: number | null;
  @Column('double precision', { nullable: true }) completeness!: number | null;
  @Column('double precision', { nullable: true }) consistency!: number | null;
  @Column('double precision', { nullable: true }) timeliness!: number | null;
  @Column('timestamptz', { name: 'created_at' }) createdAt!: Date;
}

export type CheckStatus = 'PASSED' | 'WARNED' | 'FAILED';

/** One check of a report. `observed` and `expected` are counts, shares, ages and bounds of the contract, never values of data. */
@Entity({ name: 'quality_check', schema: 'headgate' })
export class QualityCheckEntity {
  @PrimaryColumn('uuid', { name: 'report_id' }) reportId!: string;
  @PrimaryColumn('integer') position!: number;
  @Column('text') name!: string;
  @Column('text') dimension!: Dimension;
  @Column('text') severity!: Severity;
  @Column('text') status!: CheckStatus;
  /** The fields that it is about. */
  @Column('text', { array: true }) fields!: string[];
  @Column('text', { nullable: true }) observed!: string | null;
  @Column('text', { nullable: true }) expected!: string | null;
  /** Null where the check is not about rows, or could not be evaluated. */
  @Column('bigint', { name: 'failing_rows', nullable: true }) failingRows!: string | null;
}
