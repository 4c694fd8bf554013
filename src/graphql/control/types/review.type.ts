import { Field, ID, Int, ObjectType } from 'type-graphql';
import type { AccessMovement, ChangeStatus, Right } from '../../../governance/index.js';
import { BigIntScalar, DateTimeScalar } from '../../scalars.js';
import { AccessMovementEnum, ChangeStatusEnum } from './enums.js';

@ObjectType({ description: 'What a change does to what somebody sees of a field.' })
export class AccessChange {
  @Field(() => String) dataset!: string;
  @Field(() => String, { nullable: true, description: "The contract's name; null where the right is about the dataset as a whole." }) field!:
    | string
    | undefined;
  @Field(() => [String], { description: 'Of the field, before and after.' }) tags!: readonly string[];
  @Field(() => AccessMovementEnum) movement!: AccessMovement;
  @Field(() => String, { description: '"nothing", "allow", "email where country = \'DE\', else hash".' }) before!: string;
  @Field(() => String) after!: string;
  @Field(() => [String], { description: 'read, export, subscribe, ingest, detokenize.' }) rights!: readonly Right[];
  @Field(() => [String], { description: 'For whom: role analyst, subject bob, anonymous.' }) audiences!: readonly string[];
  @Field(() => [String], { description: 'With one of these purposes declared.' }) purposes!: readonly string[];
  @Field(() => Boolean, { description: 'And with none.' }) withoutPurpose!: boolean;
}

@ObjectType()
export class ManifestText {
  @Field(() => String) kind!: string;
  @Field(() => String) name!: string;
  @Field(() => String, { description: 'YAML.' }) text!: string;
}

@ObjectType({ description: 'A change of the control plane that waits for a second person, or did.' })
export class ChangeRequest {
  @Field(() => ID) id!: string;
  @Field(() => ChangeStatusEnum) status!: ChangeStatus;
  @Field(() => [ManifestText]) manifests!: readonly ManifestText[];
  @Field(() => Boolean, { description: 'It also removes what none of the manifests names.' }) prune!: boolean;
  @Field(() => String, { nullable: true }) reason!: string | null;
  @Field(() => [AccessChange], { description: 'Who would gain or lose what, as it was when it was asked for. It is applied only if that still holds.' })
  accessChanges!: readonly AccessChange[];
  @Field(() => String) requestedBy!: string;
  @Field(() => DateTimeScalar) requestedAt!: Date;
  @Field(() => String, { nullable: true }) decidedBy!: string | null;
  @Field(() => DateTimeScalar, { nullable: true }) decidedAt!: Date | null;
  @Field(() => String, { nullable: true }) decisionReason!: string | null;
}

@ObjectType({ description: 'What somebody could see of a field, by the grants in force.' })
export class Exposure {
  @Field(() => String) dataset!: string;
  @Field(() => String) field!: string;
  @Field(() => [String]) tags!: readonly string[];
  @Field(() => String, { description: 'Who: role analyst, subject bob, anonymous.' }) audience!: string;
  @Field(() => [String], { description: 'With one of these purposes declared.' }) purposes!: readonly string[];
  @Field(() => Boolean, { description: 'And with none.' }) withoutPurpose!: boolean;
  @Field(() => Boolean, { description: 'Some cell as it is; else all of them masked.' }) plain!: boolean;
  @Field(() => String) effect!: string;
  @Field(() => [String]) grants!: readonly string[];
}

@ObjectType({ description: 'Somebody who was given values of a field as they are, by the record.' })
export class Sight {
  @Field(() => String) dataset!: string;
  @Field(() => String) field!: string;
  @Field(() => String) principal!: string;
  @Field(() => [String]) purposes!: readonly string[];
  @Field(() => Int, { description: 'Reads, exports and the like.' }) acts!: number;
  @Field(() => BigIntScalar, { description: 'All rows of these acts.' }) rows!: string;
  @Field(() => DateTimeScalar) last!: Date;
}

@ObjectType({ description: 'How often a grant in force took part in what was allowed, by the record.' })
export class GrantUse {
  @Field(() => String) grant!: string;
  @Field(() => Int) acts!: number;
  @Field(() => DateTimeScalar, { nullable: true }) lastUsedAt!: Date | undefined;
}

@ObjectType()
export class ActivityDataset {
  @Field(() => String) dataset!: string;
  @Field(() => String, { nullable: true, description: 'The field that says which person a row is about.' }) subject!: string | undefined;
  @Field(() => [String], { description: 'Fields that somebody reads as they are.' }) plain!: readonly string[];
  @Field(() => [String], { description: 'Fields that are read masked only.' }) masked!: readonly string[];
  @Field(() => String, { nullable: true, description: 'The system where its rows stay.' }) source!: string | undefined;
  @Field(() => [String]) grants!: readonly string[];
}

@ObjectType({ description: 'What is done with whose data for one purpose: an entry of the record of processing activities (Article 30 of the GDPR).' })
export class ProcessingActivity {
  @Field(() => String, { nullable: true, description: 'Null: what can be read without declaring one.' }) purpose!: string | undefined;
  @Field(() => String, { nullable: true }) description!: string | undefined;
  @Field(() => String, { nullable: true }) lawfulBasis!: string | undefined;
  @Field(() => String, { nullable: true }) contact!: string | undefined;
  @Field(() => [ActivityDataset]) datasets!: readonly ActivityDataset[];
  @Field(() => [String]) categoriesOfSubjects!: readonly string[];
  @Field(() => [String], { description: 'The tags of the fields that are read for it.' }) categoriesOfData!: readonly string[];
  @Field(() => [String]) recipients!: readonly string[];
  @Field(() => String, { nullable: true }) transfers!: string | undefined;
  @Field(() => String, { nullable: true }) retention!: string | undefined;
  @Field(() => [String], { description: 'What the record lacks.' }) gaps!: readonly string[];
}
