import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A key for programs. Only its hash is kept: who reads the table can't use it. */
@Entity({ name: 'api_key', schema: 'headgate' })
export class ApiKeyEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('text') name!: string;
  /** SHA-256 of the key, hex. Its 256 random bits need no slow hash. */
  @Column('text', { name: 'key_hash', unique: true }) keyHash!: string;
  @Column('text') subject!: string;
  @Column('text', { array: true }) roles!: string[];
  @Column('text', { array: true }) purposes!: string[];
  @Column('jsonb') claims!: Record<string, unknown>;
  @Column('text', { name: 'created_by' }) createdBy!: string;
  @Column('timestamptz', { name: 'created_at' }) createdAt!: Date;
  @Column('timestamptz', { name: 'expires_at', nullable: true }) expiresAt!: Date | null;
  @Column('timestamptz', { name: 'revoked_at', nullable: true }) revokedAt!: Date | null;
}
