import { Field, ObjectType } from 'type-graphql';
import { BigIntScalar } from '../../scalars.js';
import { ChangeEnum } from './enums.js';
import { ChangeRequest } from './review.type.js';

@ObjectType()
export class ManifestChange {
  @Field(() => String) kind!: string;
  @Field(() => String) name!: string;
  @Field(() => ChangeEnum) change!: 'create' | 'update' | 'remove' | 'unchanged';
  @Field(() => [String], { description: 'What changes, line by line.' }) details!: readonly string[];
}

@ObjectType()
export class ManifestName {
  @Field(() => String) kind!: string;
  @Field(() => String) name!: string;
}

@ObjectType({ description: 'What an apply did, or with dryRun would do.' })
export class ManifestResult {
  @Field(() => Boolean) dryRun!: boolean;
  @Field(() => [ManifestChange]) changes!: readonly ManifestChange[];
  @Field(() => [ManifestName], { description: 'In force, and not among the documents given.' }) stillInForce!: readonly ManifestName[];
  @Field(() => [String]) warnings!: readonly string[];
  @Field(() => BigIntScalar, { description: 'Of the catalog, afterwards.' }) version!: string;
  @Field(() => Boolean, { description: 'It waits for a second person, or without dryRun would.' }) needsApproval!: boolean;
  @Field(() => ChangeRequest, { nullable: true, description: 'The request that waits for a second person: then nothing was changed.' })
  approval?: ChangeRequest | undefined;
}
