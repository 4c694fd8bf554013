import { Arg, Ctx, FieldResolver, Mutation, Query, Resolver, Root } from 'type-graphql';
import type { RequestContext } from '../../context.js';
import { Dataset, toDataset } from '../types/dataset.type.js';
import { InferInput, InferredDataset, Source, SourceImport } from '../types/source.type.js';

@Resolver(() => Source)
export class SourceResolver {
  @Query(() => [Source], { description: 'The sources of live datasets, by name, and whether each answers now.' })
  async sources(@Ctx() { services }: RequestContext): Promise<Source[]> {
    const states = await services.sources.states();
    return states.map(({ source: { name, type, description }, status, error }) => ({ name, type, description, status, code: error?.code }));
  }

  @FieldResolver(() => [Dataset], { description: 'Those whose rows are there.' })
  datasets(@Root() { name }: Source, @Ctx() { visible }: RequestContext): Dataset[] {
    return [...visible.datasets.values()].filter(({ source }) => source?.source === name).map(toDataset);
  }

  @Mutation(() => SourceImport, { description: 'Describes tables and views of a source as manifests of datasets. It changes nothing: apply what comes.' })
  async importSource(
    @Ctx() { principal, services, world }: RequestContext,
    @Arg('source', () => String) source: string,
    @Arg('tables', () => [String], { nullable: true, description: 'schema.table, or the name alone; all when left out.' }) tables?: string[],
  ): Promise<SourceImport> {
    const imported = await services.sources.import(source, world.catalog, tables);
    await services.audit.record({ actor: principal, action: 'source.import', decision: 'ALLOWED', details: { source, datasets: imported.datasets.length } });
    return imported;
  }

  @Mutation(() => InferredDataset, {
    description:
      'Looks at some rows of a source and writes the contract that they have, with the collector that brings them. It changes nothing: apply what comes.',
  })
  async inferDataset(@Ctx() { principal, services, world }: RequestContext, @Arg('input', () => InferInput) input: InferInput): Promise<InferredDataset> {
    const { source, from, name, items, body, rows: mostRows, pages: mostPages } = input;
    const given = Object.entries({ name, items, body, mostRows, mostPages }).filter(([, value]) => value !== null);
    const { manifest, dataset, collector } = await services.inference.infer({ source, from, ...Object.fromEntries(given) }, world.catalog);
    const { rows, isWhole } = dataset;
    await services.audit.record({ actor: principal, action: 'source.infer', decision: 'ALLOWED', details: { source, rows } });
    return { manifest, dataset: dataset.name, collector, rows, isWhole };
  }
}
