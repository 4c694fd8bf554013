import { Field, ID, InputType, ObjectType } from 'type-graphql';
import { DateTimeScalar } from '../../scalars.js';

@ObjectType({ description: 'One period for which a person has consented to a purpose, as it was recorded. All of them are the history.' })
export class Consent {
  @Field(() => ID) id!: string;
  @Field(() => String, { nullable: true, description: 'Null for a person who was erased: the rest stays as a proof.' }) subject!: string | null;
  @Field(() => String) purpose!: string;
  @Field(() => DateTimeScalar) from!: Date;
  @Field(() => DateTimeScalar, { nullable: true, description: 'Null: until it is withdrawn.' }) until!: Date | null;
  @Field(() => DateTimeScalar, { nullable: true }) withdrawnAt!: Date | null;
  @Field(() => String, { nullable: true, description: 'The subject of the credential that withdrew it.' }) withdrawnBy!: string | null;
  @Field(() => Boolean, { description: 'Whether it is in force at this moment.' }) inForce!: boolean;
  @Field(() => String, { nullable: true, description: 'Where the evidence is.' }) source!: string | null;
  @Field(() => DateTimeScalar) recordedAt!: Date;
  @Field(() => String, { description: 'The subject of the credential that recorded it.' }) recordedBy!: string;
}

@InputType()
export class ConsentInput {
  @Field(() => String, { description: "Who: the text of the value in the datasets' subject fields." }) subject!: string;
  @Field(() => String) purpose!: string;
  @Field(() => DateTimeScalar, { nullable: true, description: 'Now, when left out.' }) from?: string | null;
  @Field(() => DateTimeScalar, { nullable: true, description: 'Until it is withdrawn, when left out.' }) until?: string | null;
  @Field(() => String, { nullable: true, description: 'Where the evidence is: a form, a letter, a call.' }) source?: string | null;
}
