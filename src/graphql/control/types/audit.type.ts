import { Field, Float, ID, InputType, Int, ObjectType } from 'type-graphql';
import type { AuditEntryEntity, AuditVerification as Verification, Decision } from '../../../audit/index.js';
import { BigIntScalar, DateTimeScalar, JsonScalar } from '../../scalars.js';
import { DecisionEnum } from './enums.js';
import { connectionTypes } from './page.js';

@ObjectType({ description: 'One act on the record. It holds names, counts and hashes, never a value of data.' })
export class AuditEntry {
  @Field(() => ID) id!: string;
  @Field(() => BigIntScalar, { nullable: true, description: 'Its place in the chain; null until it is sealed, about a second.' }) seq!: string | null;
  @Field(() => DateTimeScalar) at!: Date;
  @Field(() => String) principal!: string;
  @Field(() => [String]) roles!: string[];
  @Field(() => String, { nullable: true }) purpose!: string | null;
  @Field(() => String) action!: string;
  @Field(() => String, { nullable: true }) dataset!: string | null;
  @Field(() => [String], { description: 'Fields read plain.' }) fields!: string[];
  @Field(() => [String], { description: 'Fields read through a mask.' }) masked!: string[];
  @Field(() => DecisionEnum) decision!: Decision;
  @Field(() => BigIntScalar, { nullable: true }) rowCount!: string | null;
  @Field(() => String, { nullable: true, description: "SHA-256 of the operation's text." }) operationHash!: string | null;
  @Field(() => Float, { nullable: true }) durationMs!: number | null;
  @Field(() => JsonScalar) details!: unknown;
  @Field(() => String, { nullable: true }) prevHash!: string | null;
  @Field(() => String, { nullable: true, description: 'SHA-256 of prevHash and the canonical JSON of the entry.' }) hash!: string | null;
}

export const { Connection: AuditEntryConnection } = connectionTypes(() => AuditEntry, 'AuditEntry');

export function toAuditEntry(entity: AuditEntryEntity): AuditEntry {
  return Object.assign(new AuditEntry(), entity);
}

@InputType({ description: 'Conditions on audit entries; all that are given must hold.' })
export class AuditWhere {
  @Field(() => String, { nullable: true }) principal?: string;
  @Field(() => String, { nullable: true }) action?: string;
  @Field(() => String, { nullable: true }) dataset?: string;
  @Field(() => String, { nullable: true, description: 'Read plain or through a mask.' }) field?: string;
  @Field(() => String, { nullable: true }) purpose?: string;
  @Field(() => String, {
    nullable: true,
    description: 'Whose data it was about, as the datasets name them: entries of consents, subject exports and erasures. The record itself holds a keyed hash.',
  })
  subject?: string;
  @Field(() => DecisionEnum, { nullable: true }) decision?: Decision;
  @Field(() => DateTimeScalar, { nullable: true, description: 'At this moment or later.' }) from?: string;
  @Field(() => DateTimeScalar, { nullable: true, description: 'Before this moment.' }) to?: string;
}

@ObjectType()
export class AuditProblem {
  @Field(() => String, { description: 'changed, removed, inserted, reordered, truncated or checkpoint.' }) kind!: string;
  @Field(() => ID, { nullable: true }) entryId?: string | undefined;
  @Field(() => BigIntScalar, { nullable: true }) seq?: string | undefined;
  @Field(() => String) message!: string;
}

@ObjectType({ description: 'The chain, computed again from its first entry.' })
export class AuditVerification {
  @Field(() => Boolean) valid!: boolean;
  @Field(() => Int, { description: 'Entries found good.' }) entries!: number;
  @Field(() => BigIntScalar, { nullable: true }) headSeq!: string | null;
  @Field(() => String, { nullable: true }) headHash!: string | null;
  @Field(() => Int, { description: 'Signed checkpoints found good.' }) checkpoints!: number;
  @Field(() => AuditProblem, { nullable: true }) problem?: AuditProblem | undefined;
}

export function toAuditVerification({ valid, entries, head, checkpoints, problem }: Verification): AuditVerification {
  const found = problem && Object.assign(new AuditProblem(), problem);
  return { valid, entries, headSeq: head?.seq ?? null, headHash: head?.hash ?? null, checkpoints, ...(found && { problem: found }) };
}
