import type { GraphQLSchema } from 'graphql';
import type { Seen } from './seen.js';
import { datasetOf, type DatasetModel, type FieldModel, type RelationModel, type World } from './model.js';

/** A dataset as far as a principal's schema has it. */
export interface ShownDataset {
  readonly dataset: DatasetModel;
  readonly fields: readonly FieldModel[];
  readonly one: readonly (RelationModel & { readonly target: DatasetModel })[];
  readonly many: readonly (RelationModel & { readonly target: DatasetModel })[];
  /** The fields of its key, when there is a root field for one row. */
  readonly key: readonly FieldModel[];
}

export type Shown = ReadonlyMap<string, ShownDataset>;

export function shownIn(schema: GraphQLSchema, world: World): Shown {
  const roots = schema.getQueryType()?.getFields() ?? {};
  const datasets = world.datasets.filter(({ graphqlName }) => Object.hasOwn(roots, graphqlName));
  return new Map(
    datasets.map((dataset): [string, ShownDataset] => {
      const type = schema.getType(dataset.typeName);
      const names = type && 'getFields' in type ? Object.keys(type.getFields()) : [];
      const fields = dataset.fields.filter(({ graphqlName }) => names.includes(graphqlName));
      const relations = dataset.relations
        .filter(({ graphqlName }) => names.includes(graphqlName))
        .map((relation) => ({ ...relation, target: datasetOf(world, relation.to) }));
      const key = Object.hasOwn(roots, `${dataset.graphqlName}ByKey`) ? dataset.key.flatMap((name) => fields.find((field) => field.name === name) ?? []) : [];
      return [dataset.name, { dataset, fields, key, one: relations.filter(({ many }) => !many), many: relations.filter(({ many }) => many) }];
    }),
  );
}

/** Without what can't be seen or followed: questions about the rest are not refused. */
export function openIn(shown: Shown, seen: Seen): Shown {
  return new Map(
    [...shown].flatMap(([name, of]): [string, ShownDataset][] => {
      const fields = of.fields.filter((field) => seen.access(name, field.name).kind !== 'forbidden');
      const isFollowed = (relation: RelationModel): boolean => seen.refusal(of.dataset, relation) === undefined;
      const key = of.key.every((field) => fields.includes(field)) ? of.key : [];
      return fields.length > 0 ? [[name, { ...of, fields, key, one: of.one.filter(isFollowed), many: of.many.filter(isFollowed) }]] : [];
    }),
  );
}
