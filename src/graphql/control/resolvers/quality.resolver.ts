import { Arg, Ctx, FieldResolver, Int, Mutation, Query, Resolver, Root } from 'type-graphql';
import type { Dataset as Model } from '../../../catalog/index.js';
import { QualityReportEntity, scoresOfShown, type QualityCheckEntity, type Scores } from '../../../quality/index.js';
import { hasRole } from '../../../identity/index.js';
import { timeCursor } from '../../../store/index.js';
import type { RequestContext } from '../../context.js';
import { mayCount, OVERSEERS, refusedTo, visibleDataset } from '../rights.js';
import { Dataset, toDataset } from '../types/dataset.type.js';
import { pageOf, type Page } from '../types/page.js';
import { QualityCheck, QualityReport, QualityReportConnection, toQualityReport } from '../types/quality.type.js';

@Resolver(() => QualityReport)
export class QualityResolver {
  @Query(() => QualityReportConnection, { description: 'Reports, newest first.' })
  async qualityReports(
    @Ctx() context: RequestContext,
    @Arg('dataset', () => String, { nullable: true, description: 'Needed unless you oversee.' }) dataset?: string,
    @Arg('first', () => Int, { nullable: true }) first?: number,
    @Arg('after', () => String, { nullable: true }) after?: string,
  ): Promise<Page<QualityReport>> {
    const { principal, services } = context;
    const isOpen = dataset === undefined ? hasRole(principal, ...OVERSEERS) : mayCount(context, visibleDataset(context, dataset));
    if (!isOpen) {
      const refusal = refusedTo(principal, 'qualityReports', 'admin, steward, engineer, auditor, and those who may see every row of the dataset');
      await services.audit.record({
        actor: principal,
        action: 'qualityReports',
        decision: 'DENIED',
        details: { code: refusal.code },
        ...(dataset !== undefined && { dataset }),
      });
      throw refusal;
    }
    const { nodes, hasNextPage } = await services.reports.list({ dataset, first, after });
    const shown = nodes.filter((report) => context.visible.datasets.has(report.dataset));
    const names = dataset === undefined ? [...context.visible.datasets.keys()] : [dataset];
    const totalCount = () =>
      services.database.manager.createQueryBuilder(QualityReportEntity, 'report').where('report.dataset = ANY(:names)', { names }).getCount();
    return pageOf(shown, { hasNextPage, after, cursor: timeCursor, node: toQualityReport, totalCount });
  }

  @Mutation(() => QualityReport, { description: 'Checks a dataset as it is now.' })
  async checkQuality(@Ctx() context: RequestContext, @Arg('dataset', () => String) dataset: string): Promise<QualityReport> {
    const { report } = await context.services.reports.check(visibleDataset(context, dataset), context.principal);
    return toQualityReport(report);
  }

  @FieldResolver(() => Dataset, { nullable: true })
  dataset(@Root() { datasetName }: QualityReport, @Ctx() { visible }: RequestContext): Dataset | null {
    const dataset = visible.datasets.get(datasetName);
    return dataset ? toDataset(dataset) : null;
  }

  @FieldResolver(() => [QualityCheck], { description: 'Without those about fields that you may not know of, or, unless you oversee, may not see plain.' })
  async checks(@Root() report: QualityReport, @Ctx() context: RequestContext): Promise<QualityCheck[]> {
    const { shown } = await checksOf(report, context);
    return shown.map((check) => Object.assign(new QualityCheck(), check));
  }

  @FieldResolver()
  async score(@Root() report: QualityReport, @Ctx() context: RequestContext): Promise<number | null> {
    return (await scoresFor(report, context)).score;
  }

  @FieldResolver()
  async accuracy(@Root() report: QualityReport, @Ctx() context: RequestContext): Promise<number | null> {
    return (await scoresFor(report, context)).accuracy;
  }

  @FieldResolver()
  async completeness(@Root() report: QualityReport, @Ctx() context: RequestContext): Promise<number | null> {
    return (await scoresFor(report, context)).completeness;
  }

  @FieldResolver()
  async consistency(@Root() report: QualityReport, @Ctx() context: RequestContext): Promise<number | null> {
    return (await scoresFor(report, context)).consistency;
  }

  @FieldResolver()
  async timeliness(@Root() report: QualityReport, @Ctx() context: RequestContext): Promise<number | null> {
    return (await scoresFor(report, context)).timeliness;
  }
}

/** All checks of a report, and those that the principal is shown. */
async function checksOf({ id, datasetName }: QualityReport, { loaders, principal, visible, world }: RequestContext) {
  const all = await loaders.checks.load(id);
  const dataset = visible.datasets.get(datasetName);
  if (!dataset) return { all, shown: [] };
  const decision = world.authorizer.decide(principal, dataset);
  const oversees = hasRole(principal, ...OVERSEERS);
  const isSeen = (field: string) => dataset.fields.some((known) => known.name === field) && (oversees || decision.fields.get(field)?.access === 'plain');
  const hides = hiddenChecks(world.catalog.datasets.get(datasetName), dataset);
  return { all, shown: all.filter((check) => check.fields.every(isSeen) && !hides(check)) };
}

async function scoresFor(report: QualityReport, context: RequestContext): Promise<Scores> {
  const { all, shown } = await checksOf(report, context);
  return scoresOfShown(report, all, shown);
}

/** Checks that name no hidden field and tell of one all the same: a reference to a hidden dataset, the number of columns. */
function hiddenChecks(whole: Model | undefined, visible: Model): (check: QualityCheckEntity) => boolean {
  const isReference = /\.references(\.\d+)?$/;
  return ({ name, fields }) => {
    const field = visible.fields.find((candidate) => candidate.name === fields[0]);
    if (isReference.test(name) && field) return !field.rules.some((rule) => rule.kind === 'references');
    return name === 'schema' && fields.length === 0 && whole?.fields.length !== visible.fields.length;
  };
}
