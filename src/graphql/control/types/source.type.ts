import { Field, ObjectType } from 'type-graphql';
import type { SourceType } from '../../../catalog/index.js';
import { SourceStatusEnum, SourceTypeEnum } from './enums.js';

@ObjectType({ description: 'Another system, whose rows stay there or are collected. Where it is, and with which secret, is told to nobody.' })
export class Source {
  @Field(() => String) name!: string;
  @Field(() => SourceTypeEnum) type!: SourceType;
  @Field(() => String, { nullable: true }) description?: string | undefined;
  @Field(() => SourceStatusEnum, { description: 'It is asked now.' }) status!: keyof typeof SourceStatusEnum;
  @Field(() => String, { nullable: true, description: 'The code of the error that reads end with now; null when they do not.' }) code?: string | undefined;
}

@ObjectType({ description: 'Tables of a source as manifests. Nothing is applied yet.' })
export class SourceImport {
  @Field(() => String, { description: 'Documents of kind Dataset, as YAML.' }) manifest!: string;
  @Field(() => [String], { description: 'The names of the datasets in it.' }) datasets!: readonly string[];
  @Field(() => [String], { description: 'What of the tables is not in it, and why.' }) warnings!: readonly string[];
}
