import { Field, Float, ID, Int, ObjectType } from 'type-graphql';
import type { ProposalStatus, TagProposalEntity } from '../../../classification/index.js';
import { DateTimeScalar } from '../../scalars.js';
import { TagProposalStatusEnum } from './enums.js';
import { connectionTypes } from './page.js';

@ObjectType({ description: 'A tag that was found for a field when rows were loaded: counts and scores, never a value of data.' })
export class TagProposal {
  @Field(() => ID) id!: string;
  /** The name; the resolver gives the dataset. */
  datasetName!: string;
  @Field(() => String) field!: string;
  @Field(() => String) tag!: string;
  @Field(() => String, { description: 'What found it: email, phone, iban, card, ipv4, national_id.de ...' }) detector!: string;
  @Field(() => TagProposalStatusEnum) status!: ProposalStatus;
  @Field(() => Float, { description: 'How sure the detector is, from 0 to 1.' }) score!: number;
  @Field(() => Float, { description: 'Of the distinct values that were looked at, the share of the kind.' }) share!: number;
  @Field(() => Int, { description: 'Distinct values that were looked at.' }) sampled!: number;
  @Field(() => Int, { description: 'Those of the kind.' }) matching!: number;
  @Field(() => Boolean, { description: "The column's name speaks for it." }) byName!: boolean;
  @Field(() => ID, { nullable: true, description: 'The load after which it was found last.' }) runId!: string | null;
  @Field(() => DateTimeScalar) createdAt!: Date;
  @Field(() => String, { nullable: true }) decidedBy!: string | null;
  @Field(() => DateTimeScalar, { nullable: true }) decidedAt!: Date | null;
  @Field(() => String, { nullable: true, description: 'Why it was decided so.' }) reason!: string | null;
}

export const { Connection: TagProposalConnection } = connectionTypes(() => TagProposal, 'TagProposal');

export function toTagProposal({ dataset, datasetId: _, ...proposal }: TagProposalEntity): TagProposal {
  return Object.assign(new TagProposal(), { ...proposal, datasetName: dataset });
}
