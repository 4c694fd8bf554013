import { Field, InputType, ObjectType } from 'type-graphql';

@InputType()
export class DetokenizeInput {
  @Field(() => String) dataset!: string;
  @Field(() => String, { description: "As the contract calls it, or its name in the dataset's type." }) field!: string;
  @Field(() => [String], { description: '1 to 1000.' }) tokens!: string[];
  @Field(() => String, { description: 'Why you must know, in up to 500 characters. It is kept in the audit: name no person in it.' }) reason!: string;
}

@ObjectType()
export class DetokenizedValue {
  @Field(() => String) token!: string;
  @Field(() => String, { nullable: true, description: 'Null where no row that you may see has a value of this token.' }) value!: string | null;
}
