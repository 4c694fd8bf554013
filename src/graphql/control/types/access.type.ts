import { Field, ObjectType } from 'type-graphql';
import { JsonScalar } from '../../scalars.js';
import { FieldAccessEnum } from './enums.js';

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
}
