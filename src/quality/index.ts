export { checkQuality, type QualityResult } from './check-quality.js';
export { scoresOf, scoresOfShown, type CheckResult, type Scores } from './check-result.js';
export { QualityCheckEntity, QualityReportEntity, type CheckStatus } from './quality-report.entity.js';
export { QualityReports, type ReportFilter } from './quality-reports.js';
export { rowRulePredicates, uniqueRules, type ColumnOf, type Dimension, type RowRule, type UniqueRule } from './row-rules.js';
