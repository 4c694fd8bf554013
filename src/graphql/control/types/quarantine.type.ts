import { Field, ID, ObjectType } from 'type-graphql';
import { BigIntScalar, DateTimeScalar, JsonScalar } from '../../scalars.js';
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
  @Field(() => BigIntScalar, { description: 'Its line in the file.' }) line!: string;
  @Field(() => String, { nullable: true, description: 'Where it was, beyond its line: the file of several, a place in a stream.' }) position!: string | null;
  @Field(() => JsonScalar, { description: 'The row as it came, by field; null where you may not see the field plain in every row.' }) raw!: Readonly<
    Record<string, string | null>
  >;
  @Field(() => [QuarantineReason], { description: 'Without those about fields that you may not see plain, unless you oversee.' })
  reasons!: readonly QuarantineReason[];
  @Field(() => DateTimeScalar) createdAt!: Date;
}

export const { Connection: QuarantinedRowConnection } = connectionTypes(() => QuarantinedRow, 'QuarantinedRow');
