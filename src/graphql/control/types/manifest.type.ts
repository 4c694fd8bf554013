import { Field, InputType, ObjectType } from 'type-graphql';
import { BigIntScalar, DateTimeScalar, JsonScalar } from '../../scalars.js';
import { ChangeEnum, FileFormatEnum, LoadModeEnum } from './enums.js';

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
}

@InputType({ description: 'What to load. Give either source or content.' })
export class IngestInput {
  @Field(() => String) dataset!: string;
  @Field(() => String, { nullable: true, description: 'A file under the folder that HEADGATE_FILES names.' }) source?: string;
  @Field(() => String, { nullable: true, description: 'The rows themselves.' }) content?: string;
  @Field(() => FileFormatEnum, { nullable: true, description: "Needed with content; else found by the file's name." }) format?: 'csv' | 'ndjson' | 'json';
  @Field(() => LoadModeEnum, { nullable: true, description: 'append when left out.' }) mode?: 'append' | 'replace' | 'merge';
  @Field(() => String, { nullable: true, description: 'The same key for the same dataset loads once.' }) idempotencyKey?: string;
  @Field(() => Boolean, { nullable: true, description: 'Loads a file that was loaded already.' }) force?: boolean;
}

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
