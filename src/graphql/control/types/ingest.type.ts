import { Field, InputType } from 'type-graphql';
import type { RunPriority } from '../../../lifecycle/index.js';
import { FileFormatEnum, LoadModeEnum, RunPriorityEnum } from './enums.js';

@InputType({ description: 'What to load. Give either source or content.' })
export class IngestInput {
  @Field(() => String) dataset!: string;
  @Field(() => String, { nullable: true, description: 'A file under the folder that HEADGATE_FILES names.' }) source?: string;
  @Field(() => String, { nullable: true, description: 'The rows themselves.' }) content?: string;
  @Field(() => FileFormatEnum, { nullable: true, description: "Needed with content; else found by the file's name." }) format?: 'csv' | 'ndjson' | 'json';
  @Field(() => LoadModeEnum, { nullable: true, description: 'append when left out.' }) mode?: 'append' | 'replace' | 'merge';
  @Field(() => String, { nullable: true, description: 'The same key for the same dataset loads once.' }) idempotencyKey?: string;
  @Field(() => RunPriorityEnum, { nullable: true, description: 'NORMAL when left out.' }) priority?: RunPriority;
  @Field(() => Boolean, { nullable: true, description: 'Loads a file that was loaded already.' }) force?: boolean;
}
