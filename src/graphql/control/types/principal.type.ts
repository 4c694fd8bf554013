import { Field, InputType, ObjectType } from 'type-graphql';
import { JsonScalar } from '../../scalars.js';

@ObjectType({ description: 'Who asks, as the credential of the request says.' })
export class Principal {
  @Field(() => String) sub!: string;
  @Field(() => [String]) roles!: readonly string[];
  @Field(() => [String], { description: 'The purposes that may be declared in X-Purpose.' }) purposes!: readonly string[];
  @Field(() => String, { nullable: true, description: 'The purpose that this request declares.' }) purpose?: string | undefined;
  @Field(() => JsonScalar, { description: "What row filters can read as claim('name')." }) claims!: Readonly<Record<string, unknown>>;
  @Field(() => Boolean) anonymous!: boolean;
}

@InputType({ description: 'A principal to ask about; what is left out it has not.' })
export class PrincipalInput {
  @Field(() => String, { nullable: true }) sub?: string;
  @Field(() => [String], { nullable: true }) roles?: string[];
  @Field(() => [String], { nullable: true }) purposes?: string[];
  @Field(() => String, { nullable: true }) purpose?: string;
  @Field(() => JsonScalar, { nullable: true }) claims?: Record<string, unknown>;
  @Field(() => Boolean, { nullable: true }) anonymous?: boolean;
}
