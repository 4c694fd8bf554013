import { Field, ID, Int, ObjectType } from 'type-graphql';
import type { QuarantineState } from '../../../ingestion/index.js';
import { BigIntScalar, DateTimeScalar, JsonScalar } from '../../scalars.js';
import { QuarantineStateEnum } from './enums.js';
import { connectionTypes } from './page.js';

@ObjectType()
export class QuarantineReason {
  @Field(() => String, { nullable: true, description: 'Null when it is about the whole row.' }) field!: string | null;
  @Field(() => String) rule!: string;
  @Field(() => String) message!: string;
}

@ObjectType({ description: 'A row that a load refused.' })
export class QuarantinedRow {
  @Field(() => ID) id!: string;
  @Field(() => ID, { description: 'The run that refused it.' }) runId!: string;
  lastRunId!: string | null;
  @Field(() => BigIntScalar, { description: 'Its line in the file.' }) line!: string;
  @Field(() => String, { nullable: true, description: 'Where it was, beyond its line: a place in a stream, a file, a page.' }) position!: string | null;
  @Field(() => QuarantineStateEnum) state!: QuarantineState;
  @Field(() => Int, { description: 'How often it was tried to load it.' }) attempts!: number;
  @Field(() => String, { nullable: true, description: 'Why nobody wants it, for who oversees.' }) discardReason!: string | null;
  @Field(() => String, { nullable: true, description: 'For who oversees.' }) discardedBy!: string | null;
  @Field(() => DateTimeScalar, { nullable: true }) discardedAt!: Date | null;
  @Field(() => JsonScalar, { description: 'The row as it came, by field; null where you may not see the field plain in every row.' }) raw!: Readonly<
    Record<string, string | null>
  >;
  @Field(() => [QuarantineReason], { description: 'Without those about fields that you may not see plain, unless you oversee.' })
  reasons!: readonly QuarantineReason[];
  @Field(() => DateTimeScalar) createdAt!: Date;
}

export const { Connection: QuarantinedRowConnection } = connectionTypes(() => QuarantinedRow, 'QuarantinedRow');

@ObjectType({ description: 'How many rows are in quarantine for reasons of one kind; a row with several counts for each.' })
export class QuarantineCount {
  @Field(() => QuarantineStateEnum) state!: QuarantineState;
  @Field(() => String, { nullable: true, description: 'Null when it is about the whole row.' }) field!: string | null;
  @Field(() => String) rule!: string;
  @Field(() => Int) count!: number;
}
