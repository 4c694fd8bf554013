import { Field, InputType, ObjectType } from 'type-graphql';
import { DateTimeScalar, JsonScalar } from '../../scalars.js';

@ObjectType({ description: 'An API key; the secret itself is told once, when it is made.' })
export class ApiKey {
  @Field(() => String) id!: string;
  @Field(() => String) name!: string;
  @Field(() => String) subject!: string;
  @Field(() => [String]) roles!: readonly string[];
  @Field(() => [String]) purposes!: readonly string[];
  @Field(() => DateTimeScalar, { nullable: true }) expiresAt!: Date | null;
  @Field(() => DateTimeScalar, { nullable: true }) revokedAt!: Date | null;
}

@ObjectType()
export class CreatedApiKey {
  @Field(() => ApiKey) apiKey!: ApiKey;
  @Field(() => String, { description: 'Send it as X-Api-Key. It can not be shown again.' }) secret!: string;
}

@InputType()
export class ApiKeyInput {
  @Field(() => String) name!: string;
  @Field(() => String) subject!: string;
  @Field(() => [String]) roles!: string[];
  @Field(() => [String], { nullable: true }) purposes?: string[];
  @Field(() => JsonScalar, { nullable: true }) claims?: Record<string, unknown>;
  @Field(() => DateTimeScalar, { nullable: true }) expiresAt?: string;
}
