import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A token that is refused before its time is over; forgotten when it would have expired anyway. */
@Entity({ name: 'revoked_token', schema: 'headgate' })
export class RevokedTokenEntity {
  /** The token's `jti`. */
  @PrimaryColumn('text') id!: string;
  @Column('text', { name: 'revoked_by' }) revokedBy!: string;
  @Column('timestamptz', { name: 'revoked_at' }) revokedAt!: Date;
  @Column('timestamptz', { name: 'expires_at' }) expiresAt!: Date;
}
