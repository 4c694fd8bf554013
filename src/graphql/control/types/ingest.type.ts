import { Field, InputType } from 'type-graphql';
import type { RunPriority } from '../../../lifecycle/index.js';
import { FileFormatEnum, LoadModeEnum, RunPriorityEnum } from './enums.js';

@InputType({ description: 'What to load. Give one of source, url and content.' })
export class IngestInput {
  @Field(() => String) dataset!: string;
  @Field(() => String, { nullable: true, description: 'A file under the folder that HEADGATE_FILES names, or a pattern for several.' }) source?: string;
  @Field(() => String, { nullable: true, description: 'Where the file is, http or https.' }) url?: string;
  @Field(() => String, { nullable: true, description: 'The rows themselves.' }) content?: string;
  @Field(() => FileFormatEnum, { nullable: true, description: "Needed with content; else found by the file's name." }) format?:
    | 'csv'
    | 'tsv'
    | 'ndjson'
    | 'json'
    | 'parquet';
  @Field(() => LoadModeEnum, { nullable: true, description: 'append when left out.' }) mode?: 'append' | 'replace' | 'merge';
  @Field(() => String, { nullable: true, description: 'The same key for the same dataset loads once.' }) idempotencyKey?: string;
  @Field(() => RunPriorityEnum, { nullable: true, description: 'NORMAL when left out.' }) priority?: RunPriority;
  @Field(() => Boolean, { nullable: true, description: 'Loads a file that was loaded already.' }) force?: boolean;
  @Field(() => String, { nullable: true, description: 'What stands between the values of a CSV text: one character, or tab.' }) delimiter?: string;
  @Field(() => String, { nullable: true, description: 'What values stand in that hold delimiters: double, single or none.' }) quote?: string;
  @Field(() => String, { nullable: true, description: 'Of a text: utf-8 when left out; also utf-16le, windows-1252 and others.' }) encoding?: string;
  @Field(() => Boolean, { nullable: true, description: 'False when the first line is a row: the columns are then those of the contract.' }) header?: boolean;
  @Field(() => String, { nullable: true, description: 'What stands before the decimals of numbers: point or comma.' }) decimal?: string;
  @Field(() => Boolean, { nullable: true, description: 'Finds out what is not said of how the text is written.' }) detect?: boolean;
}
