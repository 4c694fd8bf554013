import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Decision } from './fact.js';

/** One act on the record, of the view of all that are sealed and all that are not yet. `seq`, `prevHash` and `hash` are null until it is sealed; bigints are decimal strings. */
@Entity({ name: 'audit_record', schema: 'headgate' })
export class AuditEntryEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('timestamptz') at!: Date;
  @Column('text') principal!: string;
  @Column('text', { array: true }) roles!: string[];
  @Column('text', { nullable: true }) purpose!: string | null;
  @Column('text') action!: string;
  @Column('text', { nullable: true }) dataset!: string | null;
  @Column('text', { array: true }) fields!: string[];
  @Column('text', { array: true }) masked!: string[];
  @Column('text') decision!: Decision;
  @Column('bigint', { name: 'row_count', nullable: true }) rowCount!: string | null;
  @Column('text', { name: 'operation_hash', nullable: true }) operationHash!: string | null;
  @Column('double precision', { name: 'duration_ms', nullable: true }) durationMs!: number | null;
  @Column('jsonb') details!: Record<string, unknown>;
  @Column('bigint', { nullable: true }) seq!: string | null;
  @Column('text', { name: 'prev_hash', nullable: true }) prevHash!: string | null;
  @Column('text', { nullable: true }) hash!: string | null;
}
