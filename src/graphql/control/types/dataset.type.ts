import { Field, ID, Int, ObjectType } from 'type-graphql';
import type { Dataset as Model, Field as FieldModel, FieldRule } from '../../../catalog/index.js';
import { VisibilityEnum } from './enums.js';
import { connectionTypes } from './page.js';
import { DateTimeScalar } from '../../scalars.js';

@ObjectType({ description: 'One field of a contract.' })
export class DatasetField {
  @Field(() => String) name!: string;
  @Field(() => String, { description: 'Its name in the data plane.' }) graphqlName!: string;
  @Field(() => String, { description: 'text, integer, bigint, decimal, float, boolean, date, timestamp, time, uuid, json; with [] for a list.' }) type!: string;
  @Field(() => Boolean) required!: boolean;
  @Field(() => Boolean, { description: 'Part of the key.' }) key!: boolean;
  @Field(() => String, { nullable: true }) description?: string | undefined;
  @Field(() => String, { nullable: true }) deprecated?: string | undefined;
  @Field(() => [String]) tags!: readonly string[];
  @Field(() => VisibilityEnum) visibility!: 'listed' | 'secret';
  @Field(() => [String], { description: 'Other names that its column has in what is loaded.' }) aliases!: readonly string[];
  @Field(() => String, { nullable: true, description: 'Its value where a row that is loaded brings none; null of a secret field.' }) default?:
    | string
    | undefined;
  @Field(() => [String], { description: 'The rules, as they stand in a manifest.' }) rules!: readonly string[];
}

@ObjectType()
export class DatasetRelation {
  @Field(() => String) name!: string;
  @Field(() => String) graphqlName!: string;
  /** The name; the resolver gives the dataset. */
  target!: string;
  @Field(() => Boolean) many!: boolean;
  @Field(() => [String], { description: 'Pairs "local = remote".' }) on!: readonly string[];
}

@ObjectType({ description: 'A dataset of the catalog: its contract, and what is known of its rows.' })
export class Dataset {
  model!: Model;
  @Field(() => ID) id!: string;
  @Field(() => String) name!: string;
  @Field(() => String) typeName!: string;
  @Field(() => String, { description: 'The root field of the data plane.' }) graphqlName!: string;
  @Field(() => String, { nullable: true }) description?: string | undefined;
  @Field(() => String, { nullable: true }) owner?: string | undefined;
  @Field(() => VisibilityEnum) visibility!: 'listed' | 'secret';
  @Field(() => Int, { description: 'Of the contract.' }) version!: number;
  @Field(() => [String]) key!: readonly string[];
  @Field(() => String, { nullable: true, description: 'The field that says which person a row is about.' }) subject?: string | undefined;
  @Field(() => [String], {
    description: 'Purposes for which a row is shown only while its subject has consented. With any of them, each read needs a purpose.',
  })
  consentPurposes!: readonly string[];
  @Field(() => [DatasetField]) fields!: readonly DatasetField[];
  @Field(() => [DatasetRelation]) relations!: readonly DatasetRelation[];
}

export const { Connection: DatasetConnection } = connectionTypes(() => Dataset, 'Dataset');

@ObjectType({ description: 'How fresh the rows are.' })
export class Freshness {
  @Field(() => DateTimeScalar, { nullable: true, description: 'When rows last came in.' }) loadedAt!: Date | null;
  @Field(() => Int, { nullable: true, description: 'Seconds since then.' }) ageSeconds!: number | null;
  @Field(() => Int, { nullable: true, description: 'What the contract allows, in seconds.' }) withinSeconds!: number | null;
}

export function toDataset(model: Model): Dataset {
  return Object.assign(new Dataset(), {
    model,
    id: model.id,
    name: model.name,
    typeName: model.typeName,
    graphqlName: model.graphqlName,
    description: model.description,
    owner: model.owner,
    visibility: model.visibility,
    version: model.contractVersion,
    key: model.key,
    subject: model.subject,
    consentPurposes: model.consent?.purposes ?? [],
    fields: model.fields.map((field) => toField(field, model)),
    relations: model.relations.map((relation) =>
      Object.assign(new DatasetRelation(), {
        name: relation.name,
        graphqlName: relation.graphqlName,
        target: relation.to,
        many: relation.many,
        on: relation.on.map(({ local, remote }) => `${local} = ${remote}`),
      }),
    ),
  });
}

function toField(field: FieldModel, dataset: Model): DatasetField {
  const { name, graphqlName, required, description, deprecated, tags, visibility } = field;
  const type = field.type + (field.list ? '[]' : '');
  const key = dataset.key.includes(name);
  const loaded = { aliases: field.aliases ?? [], default: visibility === 'secret' ? undefined : field.default };
  return { name, graphqlName, type, required, key, description, deprecated, tags, visibility, ...loaded, rules: field.rules.map(ruleText) };
}

function ruleText(rule: FieldRule): string {
  switch (rule.kind) {
    case 'unique':
      return 'unique';
    case 'matches':
      return `matches ${rule.pattern}`;
    case 'between':
    case 'length':
      return `${rule.kind} ${rule.low} and ${rule.high}`;
    case 'in':
      return `in ${rule.values.join(', ')}`;
    case 'references':
      return `references ${rule.dataset}.${rule.field}`;
  }
}
