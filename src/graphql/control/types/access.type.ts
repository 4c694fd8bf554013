import { Field, Int, ObjectType } from 'type-graphql';
import { JsonScalar } from '../../scalars.js';
import { FieldAccessEnum } from './enums.js';

@ObjectType({ description: 'Numbers over many rows, and no row: count, sum and avg, with where and groupBy over the dimensions.' })
export class AggregateOnly {
  @Field(() => [String]) dimensions!: readonly string[];
  @Field(() => [String]) measures!: readonly string[];
  @Field(() => Int, { description: 'Distinct subjects that rows with equal dimensions must have to be in an answer.' }) minGroup!: number;
}

@ObjectType({ description: 'A grant in force.' })
export class Grant {
  @Field(() => String) name!: string;
  @Field(() => String, { nullable: true }) description?: string | undefined;
  @Field(() => [String]) roles!: readonly string[];
  @Field(() => [String]) subjects!: readonly string[];
  @Field(() => Boolean) anonymous!: boolean;
  @Field(() => [String]) datasets!: readonly string[];
  @Field(() => [String]) tags!: readonly string[];
  @Field(() => [String], { nullable: true, description: 'Null: any purpose, or none.' }) purposes?: readonly string[] | undefined;
  @Field(() => String, { nullable: true, description: 'Null: all rows.' }) rows?: string | undefined;
  @Field(() => [String]) rights!: readonly string[];
  @Field(() => JsonScalar, { description: 'Effects by field name, tag:NAME or *.' }) fields!: unknown;
  @Field(() => AggregateOnly, { nullable: true, description: 'In place of fields: no rows, and of many together numbers.' }) aggregateOnly?:
    | AggregateOnly
    | undefined;
}

@ObjectType()
export class FieldDecision {
  @Field(() => String) field!: string;
  @Field(() => String) graphqlName!: string;
  @Field(() => FieldAccessEnum) access!: 'PLAIN' | 'MASKED' | 'FORBIDDEN';
  @Field(() => [String], { description: 'What happens to its cells, in the order in which it is tried: "hash", "year where birth_date < ...".' })
  effects!: readonly string[];
  @Field(() => String, { nullable: true, description: 'The error code of a read, when forbidden.' }) code?: string | undefined;
  @Field(() => [String], { description: 'The grants that speak about it.' }) grants!: readonly string[];
}

@ObjectType({ description: 'Of what a principal that sees no row reads numbers over many, and by which grants.' })
export class AggregateDecision extends AggregateOnly {
  @Field(() => [String]) rowFilters!: readonly string[];
  @Field(() => [String]) grants!: readonly string[];
}

@ObjectType({ description: 'What a principal sees of a dataset, and why.' })
export class AccessDecision {
  @Field(() => String) dataset!: string;
  @Field(() => String, { description: 'all, none, or some: rows in which one of rowFilters holds.' }) rows!: string;
  @Field(() => [String]) rowFilters!: readonly string[];
  @Field(() => String, {
    nullable: true,
    description: 'Of these rows only those whose subject has consented to this purpose, now. Null: no consent is needed.',
  })
  consent?: string | undefined;
  @Field(() => [String], { description: 'The grants in force for this principal and purpose.' }) grants!: readonly string[];
  @Field(() => [FieldDecision]) fields!: readonly FieldDecision[];
  @Field(() => AggregateDecision, { nullable: true, description: 'Null when there are none, or rows can be seen.' }) aggregate?: AggregateDecision | undefined;
}
