import { Arg, Ctx, FieldResolver, Int, Query, Resolver, Root } from 'type-graphql';
import type { Dataset as Model } from '../../../catalog/index.js';
import { HeadgateError, isHeadgateError } from '../../../kernel/index.js';
import { hasRole } from '../../../identity/index.js';
import { BigIntScalar } from '../../scalars.js';
import type { RequestContext } from '../../context.js';
import { mayCount, OVERSEERS, visibleDataset } from '../rights.js';
import { Dataset, DatasetConnection, DatasetRelation, Freshness, toDataset } from '../types/dataset.type.js';
import { LifecycleStageEnum } from '../types/enums.js';
import { pageOf, type Page } from '../types/page.js';
import { QualityReport, toQualityReport } from '../types/quality.type.js';
import { Run, toRun } from '../types/run.type.js';

@Resolver(() => Dataset)
export class DatasetResolver {
  @Query(() => DatasetConnection, { description: 'The catalog, by name, as far as you may know of it.' })
  async datasets(
    @Ctx() context: RequestContext,
    @Arg('first', () => Int, { nullable: true }) first?: number,
    @Arg('after', () => String, { nullable: true }) after?: string,
    @Arg('search', () => String, { nullable: true, description: 'Found in name or description.' }) search?: string,
    @Arg('tag', () => String, { nullable: true, description: 'On one of the fields; pii matches pii.email.' }) tag?: string,
    @Arg('stage', () => LifecycleStageEnum, { nullable: true }) stage?: keyof typeof LifecycleStageEnum,
  ): Promise<Page<Dataset>> {
    let matching = [...context.visible.datasets.values()].filter((dataset) => matches(dataset, search, tag));
    if (stage !== undefined) {
      const entities = await context.loaders.dataset.loadMany(matching.map((dataset) => dataset.name));
      matching = matching.filter((_, i) => (entities[i] as { stage?: string } | undefined)?.stage === stage);
    }
    const sorted = matching.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const from = after === undefined ? 0 : sorted.findIndex((dataset) => dataset.name > nameOf(after));
    const rest = from < 0 ? [] : sorted.slice(from);
    const size = pageSize(first);
    const cursor = (dataset: Model) => Buffer.from(`dataset/${dataset.name}`).toString('base64url');
    return pageOf(rest.slice(0, size), { hasNextPage: rest.length > size, after, cursor, node: toDataset, totalCount: async () => sorted.length });
  }

  @Query(() => Dataset, { nullable: true, description: 'Null when there is none of this name that you may know of.' })
  dataset(@Ctx() context: RequestContext, @Arg('name', () => String) name: string): Dataset | null {
    try {
      return toDataset(visibleDataset(context, name));
    } catch (error) {
      if (isHeadgateError(error) && error.code === 'NOT_FOUND') return null;
      throw error;
    }
  }

  @FieldResolver(() => LifecycleStageEnum)
  async stage(@Root() { name }: Dataset, @Ctx() { loaders }: RequestContext): Promise<string> {
    return (await loaders.dataset.load(name))?.stage ?? 'INGESTION';
  }

  @FieldResolver(() => BigIntScalar, { description: 'Raised by each load that changes rows.' })
  async dataVersion(@Root() { name }: Dataset, @Ctx() { loaders }: RequestContext): Promise<string> {
    return (await loaders.dataset.load(name))?.dataVersion ?? '0';
  }

  @FieldResolver(() => BigIntScalar, { nullable: true, description: 'Null for who may not see every row, and for a dataset that stays at its source.' })
  async rowCount(@Root() dataset: Dataset, @Ctx() context: RequestContext): Promise<string | null> {
    if (dataset.model.source || !mayCount(context, dataset.model)) return null;
    return (await context.loaders.dataset.load(dataset.name))?.rowCount ?? null;
  }

  @FieldResolver(() => BigIntScalar, { nullable: true, description: 'On disk, with indexes; null for who may not see every row.' })
  async bytes(@Root() dataset: Dataset, @Ctx() context: RequestContext): Promise<string | null> {
    return mayCount(context, dataset.model) ? context.loaders.bytes.load(dataset.name) : null;
  }

  @FieldResolver(() => Freshness)
  async freshness(@Root() { name, model }: Dataset, @Ctx() { loaders }: RequestContext): Promise<Freshness> {
    const loadedAt = (await loaders.dataset.load(name))?.loadedAt ?? null;
    return {
      loadedAt,
      ageSeconds: loadedAt && Math.max(0, Math.round((Date.now() - loadedAt.getTime()) / 1000)),
      withinSeconds: model.freshness?.withinSeconds ?? null,
    };
  }

  @FieldResolver(() => String, { nullable: true, description: 'The pipeline that makes it.' })
  producedBy(@Root() { model }: Dataset): string | null {
    return model.producedBy ?? null;
  }

  @FieldResolver(() => [Run], { nullable: true, description: 'The ten newest; null for who may not oversee.' })
  async runs(@Root() { name }: Dataset, @Ctx() context: RequestContext): Promise<Run[] | null> {
    return hasRole(context.principal, ...OVERSEERS) ? (await context.loaders.latestRuns.load(name)).map(toRun) : null;
  }

  @FieldResolver(() => QualityReport, { nullable: true, description: 'The newest; null when there is none, or you may not see every row.' })
  async qualityReport(@Root() dataset: Dataset, @Ctx() context: RequestContext): Promise<QualityReport | null> {
    const report = mayCount(context, dataset.model) ? await context.loaders.latestReport.load(dataset.name) : undefined;
    return report ? toQualityReport(report) : null;
  }

  @FieldResolver(() => Int, { nullable: true, description: 'Rows in quarantine; null for who may not see every row.' })
  async quarantineCount(@Root() dataset: Dataset, @Ctx() context: RequestContext): Promise<number | null> {
    return mayCount(context, dataset.model) ? context.loaders.quarantineCount.load(dataset.id) : null;
  }
}

@Resolver(() => DatasetRelation)
export class DatasetRelationResolver {
  @FieldResolver(() => Dataset)
  dataset(@Root() { target }: DatasetRelation, @Ctx() context: RequestContext): Dataset {
    return toDataset(visibleDataset(context, target));
  }
}

/** Rows of a page of the control plane: 1 to 1000, by default 50. */
export function pageSize(first: number | undefined): number {
  const size = first ?? 50;
  if (size < 0 || size > 1000) throw new HeadgateError('BAD_USER_INPUT', `first: expected 0 to 1000, got ${size}.`, { path: 'first' });
  return size;
}

function matches(dataset: Model, search: string | undefined, tag: string | undefined): boolean {
  const text = `${dataset.name} ${dataset.description ?? ''}`.toLowerCase();
  const hasTag = tag === undefined || dataset.fields.some((field) => field.tags.some((own) => own === tag || own.startsWith(`${tag}.`)));
  return hasTag && (search === undefined || text.includes(search.toLowerCase()));
}

function nameOf(cursor: string): string {
  const [kind, name] = Buffer.from(cursor, 'base64url').toString().split('/');
  if (kind !== 'dataset' || name === undefined)
    throw new HeadgateError('BAD_USER_INPUT', 'after: expected an endCursor of datasets, got something else.', { path: 'after' });
  return name;
}
