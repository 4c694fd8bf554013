import { In } from 'typeorm';
import type { Actor, AuditLog } from '../audit/index.js';
import { refuseLive, type Dataset } from '../catalog/index.js';
import { timePage, type Database, type TimePage } from '../store/index.js';
import { checkQuality, type QualityResult } from './check-quality.js';
import { QualityCheckEntity, QualityReportEntity } from './quality-report.entity.js';

export interface ReportFilter {
  readonly dataset?: string | undefined;
  /** How many at the most: 1 to 1000, by default 50. */
  readonly first?: number | undefined;
  /** The cursor of the report after which to go on. */
  readonly after?: string | undefined;
}

/** The quality reports: made on demand, kept, listed. */
export class QualityReports {
  readonly #database: Database;
  readonly #audit: Pick<AuditLog, 'recordIn'>;

  constructor({ database, audit }: { readonly database: Database; readonly audit: Pick<AuditLog, 'recordIn'> }) {
    this.#database = database;
    this.#audit = audit;
  }

  /** Checks a dataset as it is now; the report and its audit entry are committed together. */
  async check(dataset: Dataset, actor: Actor): Promise<QualityResult> {
    refuseLive(dataset, 'a check of quality');
    const started = performance.now();
    return this.#database.transaction(async (tx) => {
      const result = await checkQuality(tx, dataset);
      await this.#audit.recordIn(tx, {
        actor,
        action: 'quality.check',
        dataset: dataset.name,
        decision: 'ALLOWED',
        rowCount: Number(result.report.rowCount),
        durationMs: performance.now() - started,
        details: { report: result.report.id },
      });
      return result;
      // One snapshot for all passes, so that rows and counts fit together.
    }, 'REPEATABLE READ');
  }

  /** Newest first. @throws HeadgateError BAD_USER_INPUT for a page size or a cursor that is none. */
  async list({ dataset, first = 50, after }: ReportFilter = {}): Promise<TimePage<QualityReportEntity>> {
    const query = this.#database.manager.createQueryBuilder(QualityReportEntity, 'report');
    if (dataset !== undefined) query.andWhere('report.dataset = :dataset', { dataset });
    return timePage(query, { first, after });
  }

  /** The newest report of each dataset, in the order of the names: one query, for a loader. */
  async latest(datasets: readonly string[]): Promise<(QualityReportEntity | undefined)[]> {
    const reports = await this.#database.manager
      .createQueryBuilder(QualityReportEntity, 'report')
      .distinctOn(['report.dataset'])
      .where('report.dataset = ANY(:datasets)', { datasets: [...datasets] })
      .orderBy('report.dataset')
      .addOrderBy('report.createdAt', 'DESC')
      .addOrderBy('report.id', 'DESC')
      .getMany();
    const byDataset = new Map(reports.map((report) => [report.dataset, report]));
    return datasets.map((dataset) => byDataset.get(dataset));
  }

  /** The checks of several reports, each list in order, in the order of the ids: one query, for a loader. */
  async checksOf(reportIds: readonly string[]): Promise<QualityCheckEntity[][]> {
    const checks = await this.#database.manager.find(QualityCheckEntity, { where: { reportId: In([...reportIds]) }, order: { position: 'ASC' } });
    const byReport = Map.groupBy(checks, (check) => check.reportId);
    return reportIds.map((id) => byReport.get(id) ?? []);
  }
}
