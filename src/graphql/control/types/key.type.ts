import { Field, ID, Int, ObjectType } from 'type-graphql';
import { DateTimeScalar } from '../../scalars.js';
import { MasterKeyStateEnum } from './enums.js';

@ObjectType({ description: 'Secrets of one kind that are wrapped with a master key.' })
export class KeyDependents {
  @Field(() => String) name!: string;
  @Field(() => Int) count!: number;
}

@ObjectType({ description: 'A master key. The key itself is told to nobody.' })
export class MasterKey {
  @Field(() => ID) id!: string;
  @Field(() => MasterKeyStateEnum) state!: keyof typeof MasterKeyStateEnum;
  @Field(() => DateTimeScalar, { nullable: true }) activatedAt!: Date | null;
  @Field(() => DateTimeScalar, { nullable: true }) replacedAt!: Date | null;
  @Field(() => DateTimeScalar, { nullable: true }) retiredAt!: Date | null;
  @Field(() => Boolean, { description: 'Whether the process that answers holds it.' }) held!: boolean;
  @Field(() => [KeyDependents], { description: 'It can not be retired while there are any.' }) dependents!: readonly KeyDependents[];
}

@ObjectType({ description: 'A change of the active master key.' })
export class KeyRotation {
  @Field(() => MasterKey, { description: 'The one that was active before.' }) from!: MasterKey;
  @Field(() => MasterKey) to!: MasterKey;
}
