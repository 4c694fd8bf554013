import { Field, InputType, Int, ObjectType } from 'type-graphql';
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

@InputType({ description: 'What of a source is looked at.' })
export class InferInput {
  @Field(() => String, { description: 'Its name; of type http, graphql or postgres.' }) source!: string;
  @Field(() => String, { description: 'Of an API a path below its URL, with its query; of a GraphQL API a root field; of a PostgreSQL schema.table.' })
  from!: string;
  @Field(() => String, { nullable: true, description: 'Of the dataset; by what is looked at when left out.' }) name?: string;
  @Field(() => String, { nullable: true, description: 'Of an API: a JSON pointer to the rows; found when left out.' }) items?: string;
  @Field(() => String, { nullable: true, description: 'Of an API: an object of JSON, which is sent with POST.' }) body?: string;
  @Field(() => Int, { nullable: true, description: 'Rows that are looked at: 10,000 when left out, 100,000 at the most.' }) rows?: number;
  @Field(() => Int, { nullable: true, description: 'Pages that are looked at: 10 when left out, 100 at the most.' }) pages?: number;
}

@ObjectType({
  description: 'A contract as some rows of a source have it, and the collector that brings them. No value of a row is in it. Nothing is applied yet.',
})
export class InferredDataset {
  @Field(() => String, { description: 'A document of kind Dataset and one of kind Collector, as YAML.' }) manifest!: string;
  @Field(() => String, { description: 'The name of the dataset in it.' }) dataset!: string;
  @Field(() => String, { description: 'The name of the collector in it.' }) collector!: string;
  @Field(() => Int, { description: 'Rows that were looked at.' }) rows!: number;
  @Field(() => Boolean, { description: 'Whether they were all there are, as far as the source says.' }) isWhole!: boolean;
}
